//! Linking an account at a provider to the account that is signed in.

use tollgate_gate::Identity;
use tollgate_kernel::{Error, Kind, Manage, Noun, UserId};
use tollgate_store::AuditEvent;

use crate::complete_sign_in::{Came, Why};

/// Links the account that `came` proves to `user`, whose session began it and is the one that came
/// back. What was linked to them before stays so; what is somebody else's stays theirs.
pub(crate) async fn link_identity(came: &Came<'_>, user: UserId) -> Result<Option<Why>, Error> {
    let gate = &came.state.gate;
    let warrant = gate.allow(came.caller, Manage::write(Noun::Identities))?;
    let Identity { issuer, subject, .. } = &came.identity;
    if let Some((known, _)) = gate.read(&warrant).identity(issuer, subject).await? {
        return Ok((known.user != user).then_some(Why::Elsewhere));
    }
    let Some(session) = came.caller.credential().session() else { return Ok(Some(Why::Stale)) };
    let mut tx = gate.begin(&warrant).await?;
    // The provider took its time. What ended in between is not to leave a lasting way in.
    if !tx.keep_active(user).await? {
        return Ok(Some(Why::Disabled));
    }
    if !tx.keep_session(user, session).await? {
        return Ok(Some(Why::Stale));
    }
    if !tx.is_provider_on(&came.record.id, came.record.version).await? {
        return Ok(Some(Why::Changed));
    }
    match tx.insert_identity(came.of(user)).await {
        // Somebody was quicker: with this account here, or with another.
        Err(error) if error.kind() == Kind::Conflict => return Ok(Some(Why::Stale)),
        linked => linked?,
    }
    tx.commit(AuditEvent::new("identity.link", format!("user:{user}"))).await?;
    Ok(None)
}
