//! The models door: the OpenAI-compatible routes at `/v1`.
//!
//! An explicit list of routes. A handler finds the request's parts; the gate authenticates,
//! decides, reserves, forwards and settles.

mod call_model;
mod list_models;
mod rate_headers;
mod routes;

pub use routes::{ModelsState, rows};
