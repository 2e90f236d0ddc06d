//! Leading requests for a tool's own name or path to the rows of this door.

use std::sync::Arc;

use tollgate_edge::{Guest, Guests};
use tollgate_gate::Gate;
use tollgate_store::ToolAuth;

use crate::place::ROOT;

/// The tools of an installation, as guests of the edge.
pub struct ToolGuests(Arc<Gate>);

impl ToolGuests {
    /// The tools that `gate` knows.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }
}

impl Guests for ToolGuests {
    fn at_host(&self, host: &str, path: &str) -> Option<Guest> {
        let tool = self.0.tool_of_host(host)?;
        // The token endpoint stands at the root of every name that people sign in at.
        if path == "/token" && matches!(tool.auth(), ToolAuth::OAuth { .. }) {
            return Some(Guest::AsItIs);
        }
        Some(Guest::Under(format!("{ROOT}/{}", tool.id())))
    }

    fn at_path(&self, path: &str) -> Option<String> {
        // No name is left: that was looked at before.
        let tool = self.0.tool_at("", path)?;
        Some(format!("{ROOT}/{}{}", tool.id(), tool.below(path)?))
    }
}
