//! The door that AI clients come in by: APIs of the owner's, each with a plugin manifest and an
//! OpenAPI document, on a name of its own or under a path.
//!
//! `routes.rs` says what is offered. A call is led here by the edge ([`ToolGuests`]), and `call.rs`
//! passes it through the gate like any other call; `publish.rs` writes the documents; `manage/` is
//! the management API.

mod call;
mod document;
mod guests;
mod manage;
mod origin;
mod pages;
mod place;
mod publish;
mod routes;
mod state;

pub use guests::ToolGuests;
pub use manage::{
    AuthBody, ManifestChange, TimeoutsChange, ToolChange, UpstreamAuthBody, reconcile,
};
pub use pages::nav;
pub use routes::rows;
pub use state::ToolsState;
