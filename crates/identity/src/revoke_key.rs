//! Ending a key, on every node within a second. It stays in the list.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, KeyId, Manage, Noun};
use tollgate_store::AuditEvent;

use crate::list_keys::owner_of;

/// Revokes a key that the caller may know of and that lends no more rights than the caller has, and
/// what was made with it; one that is revoked already is not found.
pub(crate) async fn revoke_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: KeyId,
) -> Result<(), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Keys))?;
    let owner = owner_of(&warrant)?;
    let key = gate.read(&warrant).key(owner, id).await?.ok_or_else(Error::not_found)?;
    gate.require_rank_of(&warrant, &key).await?;
    let mut tx = gate.begin(&warrant).await?;
    tx.revoke_key(owner, id).await?;
    tx.commit(AuditEvent::new("key.revoke", format!("key:{id}"))).await?;
    gate.heed().await;
    Ok(())
}
