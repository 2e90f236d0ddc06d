//! The contract suite on SQLite.

#[expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#[expect(dead_code, reason = "PostgreSQL's own part")]
mod contract;

use contract::{Bench, Outcome};

async fn bench() -> Outcome<Bench> {
    Bench::sqlite().await
}

contract::suite!();
