//! Removing an account with its keys and sessions. What it used stays in the ledger.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, Role, UserId};
use tollgate_store::{AuditEvent, Owner};

/// Removes an account; owners are removed by owners alone, and the last of them stays.
pub(crate) async fn delete_user(
    gate: &Arc<Gate>,
    caller: &Arc<Principal>,
    id: UserId,
) -> Result<(), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Users))?;
    let user = gate.read(&warrant).user(Owner::All, id).await?.ok_or_else(Error::not_found)?;
    if user.role == Role::Owner {
        gate.require_owner(&warrant).await?;
    }
    let mut tx = gate.begin(&warrant).await?;
    tx.delete_user(&user).await?;
    tx.require_owner_left(&user).await?;
    tx.commit(AuditEvent::new("user.delete", format!("user:{id}"))).await?;
    gate.heed().await;
    Ok(())
}
