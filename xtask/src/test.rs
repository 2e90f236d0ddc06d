//! `cargo xtask test`: everything, as CI runs it.

use std::path::Path;

use anyhow::Result;

use crate::steps::{Run, Step};
use crate::{check, process, setup};

const SETUP: &[Step] = &[Step::call("setup", |run| {
    run.found = Some(setup::setup(run.root, false)?);
    Ok(())
})];

/// What needs a service or software that others wrote. A new step is one line here and one test
/// target with `test = false` in its crate's manifest. Each names the whole workspace and a target
/// of it: with another choice of packages, dependencies get other features and are built again.
const SERVICES: &[Step] = &[
    Step::tests_on_postgres(
        "store contract on PostgreSQL",
        &["--workspace", "--test", "contract_postgres"],
    ),
    Step::tests_on_postgres(
        "whole server on PostgreSQL",
        &["--workspace", "--test", "it_postgres"],
    ),
    Step::call("program", build_program),
    Step::tests("official SDKs", &["--workspace", "--test", "peers"]),
    Step::tests("pages in Chromium", &["--workspace", "--test", "browser"]),
    Step::tests_on_postgres("crash loop", CRASH_LOOP),
];

/// One test after the other, for they measure how soon a server is ready; what they print is the
/// number of kills that hit each phase of a call.
const CRASH_LOOP: &[&str] =
    &["--workspace", "--test", "crash", "--", "--test-threads=1", "--nocapture"];

/// Runs everything at `root`, with the lock file as it is.
///
/// # Errors
/// The first failing step's.
pub(crate) fn test(root: &Path) -> Result<()> {
    Run::new(root, true).all(&[SETUP, check::STEPS, SERVICES])
}

/// Cargo builds no binaries for the tests of another package. The test is named as well, so that
/// dependencies have the features that tests ask for, and are not built again without them.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_program(run: &mut Run<'_>) -> Result<()> {
    let mut build = process::cargo(run.root);
    build.args(["build", "--workspace", "--bin", "tollgate", "--test", "crash"]);
    process::run(build.args(run.locked.then_some("--locked")))
}
