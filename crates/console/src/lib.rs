//! The console: what belongs to no other door. Plans, groups, apps, upstreams, models, settings,
//! usage, entries, limits, the audit chain; their part of the management API, and the pages of
//! those who run the installation.
//!
//! [`rows`] says what is offered, from top to bottom. Every change is made in a transaction that
//! the gate lends to a warrant, and is heeded on this node before the answer goes out.

mod audit;
mod clients;
mod csv;
mod entries;
mod groups;
mod limits;
mod listing;
mod members;
mod models;
mod pages;
mod plans;
mod providers;
mod routes;
mod settings;
mod span;
mod state;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod testing;
mod upstreams;
mod usage;

pub use pages::{assets, nav};
pub use routes::rows;
pub use state::ConsoleState;
