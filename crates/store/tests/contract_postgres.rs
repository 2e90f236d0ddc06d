//! The contract suite on PostgreSQL: `TOLLGATE_TEST_POSTGRES` holds the URL of a server on which
//! databases may be made. Each test has one of its own.

#[expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#[expect(dead_code, reason = "SQLite's own part")]
mod contract;

use contract::{Bench, Outcome};

async fn bench() -> Outcome<Bench> {
    Bench::postgres().await
}

contract::suite!();

#[tokio::test]
async fn sessions_that_were_cut_come_back_with_the_lock() -> Outcome<()> {
    contract::faults::sessions_that_were_cut_come_back_with_the_lock(&bench().await?).await
}

#[tokio::test]
async fn who_lost_the_lock_writes_no_more() -> Outcome<()> {
    contract::faults::who_lost_the_lock_writes_no_more(&bench().await?).await
}
