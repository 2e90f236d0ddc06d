//! Temporary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#[path = "it/models/mod.rs"]
mod models;
