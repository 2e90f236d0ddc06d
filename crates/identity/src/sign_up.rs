//! Making an account for oneself, where the owner lets people.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Manage, Noun, PlainToken, Role, Secret, UserId};
use tollgate_store::settings::REGISTRATION;
use tollgate_store::{AuditEvent, NewUser};

use crate::check;
use crate::new_password::{Own, require_good};
use crate::state::IdentityState;

/// What somebody typed.
pub(crate) struct SignUp {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) locale: String,
    pub(crate) password: PlainToken,
}

/// Whether people may make accounts for themselves.
pub(crate) async fn is_open(gate: &Gate, caller: &Arc<Principal>) -> Result<bool, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
    Ok(gate.read(&warrant).setting(REGISTRATION).await?.as_deref() == Some("open"))
}

/// Makes an account. Where the address has one already nothing is changed, and the answer is the
/// same: who signs up proves only afterwards, by signing in, that the account is theirs.
pub(crate) async fn sign_up(
    state: &IdentityState,
    caller: &Arc<Principal>,
    typed: SignUp,
) -> Result<(), Error> {
    state.networks.count(Attempt::SignUp, caller)?;
    let gate = &state.gate;
    if !is_open(gate, caller).await? {
        return Err(Error::new(
            Kind::Forbidden,
            "Nobody can sign up here. Ask the owner of this installation for an invitation.",
        ));
    }
    let SignUp { email, name, locale, password } = typed;
    let email = check::email(&email)?;
    let name = check::name(&name)?;
    require_good(&password, Own { email: &email, name: &name }).await?;
    let hash = gate.hash_password(password).await?;
    let user = NewUser {
        id: UserId::new(&**gate.clock(), &**gate.rng()),
        email,
        name,
        locale: Some(check::locale(&locale)?),
        role: Role::Member,
        plan: None,
        password: Some(Secret::new(hash)),
        external_id: None,
    };
    let target = format!("user:{}", user.id);
    let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
    let mut tx = gate.begin(&warrant).await?;
    match tx.insert_user(user).await {
        Err(error) if error.kind() == Kind::Conflict => Ok(()),
        Err(error) => Err(error),
        Ok(_) => tx.commit(AuditEvent::new("user.sign_up", target)).await,
    }
}
