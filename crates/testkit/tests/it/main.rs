//! Tests of the whole server, a folder for each door.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use models::both;

mod attacks;
mod canaries;
mod connections;
mod docs;
mod doors;
mod identity;
mod logged;
mod manage;
mod matrix;
mod models;
mod oauth;
mod tools;

/// The store of those tests that run on each engine as they are.
const ENGINE: tollgate_testkit::Engine = tollgate_testkit::Engine::Sqlite;
