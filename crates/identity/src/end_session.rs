//! Ending a session, one's own or, for owners and admins, anybody's.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, SessionId};
use tollgate_store::AuditEvent;

use crate::list_keys::owner_of;

/// Ends a session that the caller may know of.
pub(crate) async fn end_session(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: SessionId,
) -> Result<(), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Sessions))?;
    let owner = owner_of(&warrant)?;
    let mut tx = gate.begin(&warrant).await?;
    tx.end_session(owner, id).await?;
    tx.commit(AuditEvent::new("session.end", format!("session:{id}"))).await?;
    gate.heed().await;
    Ok(())
}
