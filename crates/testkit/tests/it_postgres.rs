//! The tests of the whole server that depend on the store, on PostgreSQL. Not a part of plain
//! `cargo test`: run with `--test it_postgres` and TOLLGATE_TEST_POSTGRES set to the URL of a
//! server on which databases may be made.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/models/both/mod.rs"]
mod both;
#[path = "it/canaries/mod.rs"]
mod canaries;
#[path = "it/connections/mod.rs"]
mod connections;
#[path = "it/models/cut.rs"]
mod cut;
#[path = "it/identity/mod.rs"]
mod identity;
#[path = "it/logged.rs"]
mod logged;
#[path = "postgres/meanwhile.rs"]
mod meanwhile;
#[path = "it/oauth/mod.rs"]
mod oauth;
#[path = "postgres/silence.rs"]
mod silence;
#[path = "it/tools/mod.rs"]
mod tools;

both::suite!(Postgres);

/// The store of those tests that run on each engine as they are.
const ENGINE: tollgate_testkit::Engine = tollgate_testkit::Engine::Postgres;
