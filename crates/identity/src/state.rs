//! What the handlers of this door share.

use std::sync::Arc;

use tollgate_gate::Gate;

use crate::limits::{NetworkBook, NetworkLimits};

/// What the handlers of this door share. Cheap to clone.
#[derive(Clone)]
pub struct IdentityState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) networks: Arc<NetworkBook>,
}

impl IdentityState {
    /// The door before `gate`, with these limits by network.
    pub fn new(gate: Arc<Gate>, limits: NetworkLimits) -> Self {
        let networks = Arc::new(NetworkBook::new(limits, gate.clock().clone()));
        Self { gate, networks }
    }
}
