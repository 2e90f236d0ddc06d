//! `cargo xtask soak`: what takes too long for every change.

use std::path::Path;

use anyhow::Result;

use crate::setup;
use crate::steps::{Run, Step};
use crate::test::build_program;

/// Kills of the crash loop, on each engine, unless the command line says otherwise.
pub(crate) const ROUNDS: u32 = 1_000;

/// So many kills of a server whose state is in files, and of one whose state is in PostgreSQL.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) sqlite: u32,
    pub(crate) postgres: u32,
}

const STEPS: &[Step] = &[
    Step::call("setup", |run| {
        run.found = Some(setup::setup(run.root, false)?);
        let python = setup::small_model(run.root)?;
        run.env.push(("TOLLGATE_TEST_SMALL_MODEL", python.into()));
        Ok(())
    }),
    // One after the other: the model takes all processors.
    Step::tests("a real model", SMALL_MODEL),
    Step::call("program", build_program),
    Step::tests_on_postgres("crash loop", CRASH_LOOP),
];

const SMALL_MODEL: &[&str] =
    &["--workspace", "--test", "small_model", "--", "--test-threads=1", "--nocapture"];

/// One engine after the other.
const CRASH_LOOP: &[&str] = &[
    "--workspace",
    "--test",
    "crash",
    "--",
    "--test-threads=1",
    "--nocapture",
    "kills_lose_nothing_that_was_promised",
];

/// Runs the long tests at `root`, with so many kills.
///
/// # Errors
/// The first failing step's.
pub(crate) fn soak(root: &Path, rounds: Rounds) -> Result<()> {
    let mut run = Run::new(root, true);
    let Rounds { sqlite, postgres } = rounds;
    run.env.push(("TOLLGATE_CRASH_ROUNDS", sqlite.to_string().into()));
    run.env.push(("TOLLGATE_CRASH_ROUNDS_ON_POSTGRES", postgres.to_string().into()));
    run.all(&[STEPS])
}
