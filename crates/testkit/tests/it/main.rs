//! Tests of the whole server, a folder for each door.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod attacks;
mod canaries;
mod docs;
mod manage;
mod matrix;
mod models;
