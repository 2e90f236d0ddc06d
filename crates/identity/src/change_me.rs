//! Changing one's own account: name, language, password.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal, Warrant};
use tollgate_kernel::{Error, Kind, Manage, Method, Noun, PlainToken, Secret};
use tollgate_store::{AuditEvent, Owner, UserRecord};

use crate::check;
use crate::new_password::{Own, require_good};
use crate::require_current::require_current;
use crate::start_session::{Started, prepare, start};
use crate::state::IdentityState;

/// What changes; what is none stays, and `Some(None)` is taken away.
#[derive(Default)]
pub(crate) struct MeChange {
    pub(crate) name: Option<String>,
    pub(crate) locale: Option<Option<String>>,
    pub(crate) password: Option<NewPassword>,
    /// What the browser calls itself.
    pub(crate) agent: Option<String>,
}

/// A new password, with the one that it replaces where there is one.
pub(crate) struct NewPassword {
    pub(crate) current: Option<PlainToken>,
    pub(crate) new: PlainToken,
}

/// The account of the person who asks.
pub(crate) async fn me(gate: &Gate, caller: &Arc<Principal>) -> Result<UserRecord, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Me))?;
    own_record(gate, &warrant).await
}

async fn own_record(gate: &Gate, warrant: &Warrant) -> Result<UserRecord, Error> {
    let nobody = || {
        let detail = "This credential belongs to no person, so it has no account. Sign in.";
        Error::new(Kind::Forbidden, detail)
    };
    let user = warrant.principal().user().ok_or_else(nobody)?;
    gate.read(warrant).user(Owner::User(user), user).await?.ok_or_else(nobody)
}

/// Changes the caller's own account. A new password ends all of the person's sessions and links;
/// the browser that asked goes on in a new session, whose token is in the answer.
pub(crate) async fn change_me(
    state: &IdentityState,
    caller: &Arc<Principal>,
    change: MeChange,
) -> Result<(UserRecord, Option<Started>), Error> {
    let gate = &state.gate;
    let warrant = gate.allow(caller, Manage::write(Noun::Me))?;
    let mut user = own_record(gate, &warrant).await?;
    let MeChange { name, locale, password, agent } = change;
    if let Some(name) = name {
        user.name = check::name(&name)?;
    }
    if let Some(locale) = locale {
        user.locale = locale.as_deref().map(check::locale).transpose()?;
    }
    if password.is_some() {
        caller.require_no_grant()?;
    }
    let hash = match password {
        Some(password) => Some(new_hash(state, &warrant, &user, password).await?),
        None => None,
    };
    let session = (hash.is_some() && caller.method() == Method::Session)
        .then(|| prepare(gate, caller, user.id, agent.as_deref()));
    let mut tx = gate.begin(&warrant).await?;
    tx.update_user(&user).await?;
    let mut started = None;
    if hash.is_some() {
        tx.set_password(user.id, hash.as_ref()).await?;
        user.has_password = true;
        // An access token cannot take a new cookie: what it was made from goes on.
        let kept = session.is_none().then(|| caller.credential().session()).flatten();
        tx.end_sessions_of(user.id, kept).await?;
        tx.end_links_of(user.id).await?;
        if let Some(session) = session {
            started = Some(start(&mut tx, caller, session).await?);
        }
    }
    let action = if hash.is_some() { "user.change_password" } else { "user.change_self" };
    tx.commit(AuditEvent::new(action, format!("user:{}", user.id))).await?;
    gate.heed().await;
    Ok((user, started))
}

/// The text to store for a new password.
async fn new_hash(
    state: &IdentityState,
    warrant: &Warrant,
    user: &UserRecord,
    password: NewPassword,
) -> Result<Secret, Error> {
    let gate = &state.gate;
    require_good(&password.new, Own { email: &user.email, name: &user.name }).await?;
    require_current(state, warrant, user, password.current).await?;
    Ok(Secret::new(gate.hash_password(password.new).await?))
}
