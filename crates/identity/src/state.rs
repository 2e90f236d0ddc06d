//! What the handlers of this door share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate_edge::NetworkBook;
use tollgate_gate::Gate;

/// What the handlers of this door share. Cheap to clone.
#[derive(Clone)]
pub struct IdentityState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) networks: Arc<NetworkBook>,
    /// The turns of those whose passwords are rated while they type.
    pub(crate) estimates: Arc<Semaphore>,
}

impl IdentityState {
    /// The door before `gate`, with the book that the edge counts in too.
    pub fn new(gate: Arc<Gate>, networks: Arc<NetworkBook>) -> Self {
        Self { gate, networks, estimates: Arc::new(Semaphore::new(1)) }
    }
}
