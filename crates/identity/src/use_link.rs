//! Using a one-time link. Looking at its page uses nothing: mail scanners open links.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Manage, Noun, PlainToken, Secret};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AccountState, AuditEvent, LinkPurpose, Owner, UserRecord};

use crate::check::Mistake;
use crate::new_password::{Own, require_good};
use crate::start_session::{Started, prepare, start};
use crate::state::IdentityState;

/// What a link leads to.
pub(crate) struct Behind {
    pub(crate) purpose: LinkPurpose,
    pub(crate) user: UserRecord,
    hash: [u8; 32],
}

impl Behind {
    /// Whether a new password belongs to using it.
    pub(crate) fn asks_password(&self) -> bool {
        matches!(self.purpose, LinkPurpose::Reset | LinkPurpose::Invite)
    }

    /// What the account is called.
    pub(crate) fn own(&self) -> Own<'_> {
        Own { email: &self.user.email, name: &self.user.name }
    }
}

/// What is behind a link that can still be used; nothing is used up.
pub(crate) async fn look(
    gate: &Gate,
    caller: &Arc<Principal>,
    token: &PlainToken,
) -> Result<Option<Behind>, Error> {
    let Some(hash) = gate.hash_presented(TokenType::Link, token) else { return Ok(None) };
    let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
    let reader = gate.read(&warrant);
    let now = gate.clock().now();
    for purpose in [LinkPurpose::SignIn, LinkPurpose::Reset, LinkPurpose::Invite] {
        let Some(link) = reader.link_by_hash(hash.as_bytes(), purpose).await? else { continue };
        let Some(user) = link.user else { return Ok(None) };
        if link.used_at.is_some() || link.expires_at <= now {
            return Ok(None);
        }
        let user = reader.user(Owner::All, user).await?;
        let user = user.filter(|user| user.state == AccountState::Active);
        return Ok(user.map(|user| Behind { purpose, user, hash: *hash.as_bytes() }));
    }
    Ok(None)
}

/// Uses a link: signs its person in, and sets the new password where the link is for that; then all
/// their other sessions and links end, and so do their linked accounts at providers. A link that is
/// unknown, used, expired or for a disabled account is not found.
pub(crate) async fn use_link(
    state: &IdentityState,
    caller: &Arc<Principal>,
    token: &PlainToken,
    password: Option<PlainToken>,
    agent: Option<&str>,
) -> Result<Started, Error> {
    state.networks.count(Attempt::SignIn, caller)?;
    let gate = &state.gate;
    let behind = look(gate, caller, token).await?.ok_or_else(Error::not_found)?;
    let user = behind.user.id;
    let hash = if behind.asks_password() {
        let password = password.ok_or(Mistake::PasswordShort)?;
        require_good(&password, behind.own()).await?;
        Some(Secret::new(gate.hash_password(password).await?))
    } else {
        None
    };
    let prepared = prepare(gate, caller, user, agent);
    let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
    let mut tx = gate.begin(&warrant).await?;
    tx.use_link(&behind.hash, behind.purpose).await?.ok_or_else(Error::not_found)?;
    if hash.is_some() {
        match tx.set_password(user, hash.as_ref()).await {
            Err(error) if error.kind() == Kind::NotFound => return Err(Error::not_found()),
            set => set?,
        }
        tx.end_sessions_of(user, None).await?;
        tx.end_links_of(user).await?;
        // Whoever comes by such a link has lost the account, perhaps to somebody who linked theirs.
        tx.delete_identities_of(user).await?;
    }
    let started = start(&mut tx, caller, prepared).await?;
    let action = format!("link.use.{}", behind.purpose);
    tx.commit(AuditEvent::new(action, format!("user:{user}"))).await?;
    gate.heed().await;
    Ok(started)
}
