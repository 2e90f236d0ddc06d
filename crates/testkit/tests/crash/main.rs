//! What a server leaves behind when it is killed in mid-call, again and again; and what it finishes
//! when it is asked to stop. The server and the demo model are the real programs, each a process
//! of its own.
//!
//! `TOLLGATE_CRASH_ROUNDS` sets the number of kills, `TOLLGATE_CRASH_ROUNDS_ON_POSTGRES` that on
//! PostgreSQL; `TOLLGATE_CRASH_SEED` repeats a run as far as the machine lets it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod books;
mod dice;
mod full;
mod load;
mod manage;
mod phases;
mod rounds;
mod stage;
mod stop;

use rounds::crash_loop;
use stage::Engine;

/// Kills that `cargo xtask test` makes.
const ROUNDS: u32 = 100;

/// The same on PostgreSQL, where the writer is another one but the rules are the same.
const ROUNDS_ON_POSTGRES: u32 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_that_was_promised() {
    crash_loop(Engine::Sqlite, rounds("TOLLGATE_CRASH_ROUNDS", ROUNDS)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_that_was_promised_on_postgres() {
    let rounds = rounds("TOLLGATE_CRASH_ROUNDS_ON_POSTGRES", ROUNDS_ON_POSTGRES);
    crash_loop(Engine::Postgres, rounds).await.unwrap();
}

fn rounds(variable: &str, usual: u32) -> u32 {
    match std::env::var(variable) {
        Ok(rounds) => rounds.parse().unwrap_or_else(|_| panic!("{rounds:?} is no number")),
        Err(_) => usual,
    }
}
