//! What the handlers of this door share.

use std::sync::Arc;

use tollgate_edge::NetworkBook;
use tollgate_gate::Gate;

/// What the handlers of this door share. Cheap to clone.
#[derive(Clone)]
pub struct OAuthState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) networks: Arc<NetworkBook>,
}

impl OAuthState {
    /// The door before `gate`, with the book that the edge counts in too.
    pub fn new(gate: Arc<Gate>, networks: Arc<NetworkBook>) -> Self {
        Self { gate, networks }
    }
}
