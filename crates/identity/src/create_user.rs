//! Making an account for somebody.

use std::sync::Arc;

use serde_json::Value;
use tollgate_edge::shapes::patched_profile;
use tollgate_gate::{Bounds, Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, Role, Slug, UserId};
use tollgate_store::{AccountState, AuditEvent, NewUser};

use crate::check;
use crate::list_users::{Account, require_known};
use crate::new_password::{Own, Wished};

/// What an account is to be.
pub(crate) struct UserWish {
    pub(crate) email: String,
    pub(crate) password: Option<Wished>,
    pub(crate) name: String,
    pub(crate) locale: Option<String>,
    pub(crate) role: Role,
    pub(crate) plan: Option<Slug>,
    pub(crate) groups: Vec<Slug>,
    pub(crate) external_id: Option<String>,
    pub(crate) profile: Option<Value>,
    pub(crate) state: AccountState,
}

/// Makes an account. Without a password its person comes in by a link. Another owner is made by
/// owners alone, owners and admins not by a key that is limited.
pub(crate) async fn create_user(
    gate: &Arc<Gate>,
    caller: &Arc<Principal>,
    wish: UserWish,
) -> Result<Account, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Users))?;
    let UserWish { password, role, plan, groups, state, profile, .. } = wish;
    let profile = profile.map(|wished| patched_profile(None, wished)).transpose()?.flatten();
    if role == Role::Owner {
        gate.require_owner(&warrant).await?;
    }
    if role >= Role::Admin {
        Bounds::of(gate, &warrant).await?.require_none()?;
    }
    let email = check::email(&wish.email)?;
    require_known(gate.read(&warrant), plan.as_ref(), &groups).await?;
    let mut user = NewUser {
        id: UserId::new(&**gate.clock(), &**gate.rng()),
        name: check::name(&wish.name)?,
        locale: wish.locale.as_deref().map(check::locale).transpose()?,
        external_id: wish.external_id.as_deref().map(check::external_id).transpose()?,
        email,
        role,
        plan,
        password: None,
    };
    if let Some(password) = password {
        let own = Own { email: &user.email, name: &user.name };
        user.password = Some(password.stored(gate, own).await?);
    }
    let mut tx = gate.begin(&warrant).await?;
    let mut user = tx.insert_user(user).await?;
    if state != user.state || profile.is_some() {
        (user.state, user.profile) = (state, profile.map(Box::new));
        tx.update_user(&user).await?;
    }
    if !groups.is_empty() {
        tx.set_groups_of(user.id, &groups).await?;
    }
    tx.commit(AuditEvent::new("user.create", format!("user:{}", user.id))).await?;
    Ok(Account { user, groups })
}
