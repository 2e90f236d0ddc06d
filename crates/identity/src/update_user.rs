//! Changing somebody's account.

use std::sync::Arc;

use serde_json::Value;
use tollgate_edge::shapes::patched_profile;
use tollgate_gate::{AccountChange, Gate, Principal, Warrant};
use tollgate_kernel::{Error, Manage, Noun, Role, Slug, UserId};
use tollgate_store::{AccountState, AuditEvent, Owner, UserRecord};

use crate::check;
use crate::list_users::{Account, require_known, with_groups};
use crate::new_password::{Own, Wished};

/// What changes; what is none stays, and `Some(None)` is taken away.
#[derive(Default)]
pub(crate) struct UserChange {
    pub(crate) email: Option<String>,
    pub(crate) password: Option<Wished>,
    pub(crate) name: Option<String>,
    pub(crate) locale: Option<Option<String>>,
    pub(crate) role: Option<Role>,
    pub(crate) plan: Option<Option<Slug>>,
    pub(crate) groups: Option<Vec<Slug>>,
    pub(crate) external_id: Option<Option<String>>,
    /// As RFC 7396 has it.
    pub(crate) profile: Option<Value>,
    pub(crate) state: Option<AccountState>,
}

/// Changes an account. A new password ends all sessions and links, so does disabling the account.
/// Who becomes, is or stays an owner is the owners' own affair; the last of them stays.
pub(crate) async fn update_user(
    gate: &Arc<Gate>,
    caller: &Arc<Principal>,
    id: UserId,
    change: UserChange,
) -> Result<Account, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Users))?;
    let before = gate.read(&warrant).user(Owner::All, id).await?.ok_or_else(Error::not_found)?;
    let UserChange { email, password, role, state, .. } = &change;
    let way_in = email.is_some() || password.is_some();
    let touched = AccountChange { role: *role, state: *state, way_in };
    gate.require_right_over(&warrant, &before, touched).await?;
    let after = changed(gate, &warrant, &before, &change).await?;
    let password = match change.password {
        Some(password) => {
            let own = Own { email: &after.email, name: &after.name };
            Some(password.stored(gate, own).await?)
        }
        None => None,
    };
    let mut tx = gate.begin(&warrant).await?;
    tx.update_user(&after).await?;
    if password.is_some() {
        tx.set_password(id, password.as_ref()).await?;
    }
    if let Some(groups) = &change.groups {
        tx.set_groups_of(id, groups).await?;
    }
    if password.is_some() || after.state == AccountState::Disabled {
        tx.end_sessions_of(id, None).await?;
        tx.end_links_of(id).await?;
    }
    tx.require_owner_left(&before).await?;
    tx.commit(AuditEvent::new("user.update", format!("user:{id}"))).await?;
    gate.heed().await;
    let reader = gate.read(&warrant);
    let now = reader.user(Owner::All, id).await?.ok_or_else(Error::not_found)?;
    with_groups(reader, now).await
}

async fn changed(
    gate: &Gate,
    warrant: &Warrant,
    before: &UserRecord,
    change: &UserChange,
) -> Result<UserRecord, Error> {
    let plan = change.plan.as_ref().and_then(Option::as_ref);
    let groups = change.groups.as_deref().unwrap_or_default();
    require_known(gate.read(warrant), plan, groups).await?;
    let mut after = before.clone();
    if let Some(email) = &change.email {
        after.email = check::email(email)?;
    }
    if let Some(name) = &change.name {
        after.name = check::name(name)?;
    }
    if let Some(locale) = &change.locale {
        after.locale = locale.as_deref().map(check::locale).transpose()?;
    }
    if let Some(id) = &change.external_id {
        after.external_id = id.as_deref().map(check::external_id).transpose()?;
    }
    if let Some(plan) = &change.plan {
        after.plan.clone_from(plan);
    }
    if let Some(patch) = &change.profile {
        let profile = patched_profile(after.profile.as_deref(), patch.clone())?;
        after.profile = profile.map(Box::new);
    }
    after.role = change.role.unwrap_or(after.role);
    after.state = change.state.unwrap_or(after.state);
    Ok(after)
}
