//! This door's part of the management API.

pub(crate) mod connections;
pub(crate) mod installs;
mod part;
