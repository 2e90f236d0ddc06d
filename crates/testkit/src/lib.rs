//! The whole server in a struct, for tests: on a free port, with a store of its own and a demo
//! model behind it.

mod client;
mod people;
mod server;

pub use client::{Answer, Client};
pub use people::{KeySpec, PlanSpec};
pub use server::{Engine, TestServer};
