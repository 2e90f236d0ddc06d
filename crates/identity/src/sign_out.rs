//! Signing out: the session is over, on every node.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Manage, Method, Noun};
use tollgate_store::{AuditEvent, Owner};

/// Ends the session that `caller` came with. Nothing happens to who has none.
pub(crate) async fn sign_out(gate: &Gate, caller: &Arc<Principal>) -> Result<(), Error> {
    let (Method::Session, Some(session), Some(user)) =
        (caller.method(), caller.credential().session(), caller.user())
    else {
        return Ok(());
    };
    let warrant = gate.allow(caller, Manage::write(Noun::Sessions))?;
    let mut tx = gate.begin(&warrant).await?;
    match tx.end_session(Owner::User(user), session).await {
        // Somebody else ended it first.
        Err(error) if error.kind() == Kind::NotFound => return Ok(()),
        ended => ended?,
    }
    tx.commit(AuditEvent::new("session.end", format!("session:{session}"))).await?;
    gate.heed().await;
    Ok(())
}
