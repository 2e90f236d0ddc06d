//! What the handlers of this door share.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal, Warrant};
use tollgate_kernel::{Error, Manage};
use tollgate_store::{AuditEvent, Reader, Tx};

/// What the handlers of this door share. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionsState {
    pub(crate) gate: Arc<Gate>,
}

impl ConnectionsState {
    /// The door before `gate`.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// The proof that `caller` may do this.
    pub(crate) fn allow(&self, caller: &Arc<Principal>, manage: Manage) -> Result<Warrant, Error> {
        self.gate.allow(caller, manage)
    }

    /// What reads the store.
    pub(crate) fn read(&self, warrant: &Warrant) -> &Reader {
        self.gate.read(warrant)
    }

    /// Makes the changes of `tx` durable, and has this node heed them before anybody is told.
    pub(crate) async fn commit(&self, tx: Tx, event: AuditEvent) -> Result<(), Error> {
        tx.commit(event).await?;
        self.gate.heed().await;
        Ok(())
    }
}
