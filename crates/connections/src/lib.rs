//! The door to other people's tools: installing them by domain, connecting people's accounts, and
//! calling through.
//!
//! One file for each use case; the API and the pages call the same ones. What a tool publishes, how
//! it is verified and where a secret goes is the gate's; this door asks the owner and the person.

mod api;
mod call_through;
mod callback;
mod connect;
mod install;
mod pages;
mod routes;
mod state;

pub use pages::nav;
pub use routes::rows;
pub use state::ConnectionsState;
