//! `cargo xtask test`: everything, as CI runs it.

use std::path::Path;

use anyhow::Result;

use crate::steps::{Run, Step};
use crate::{check, setup};

const SETUP: &[Step] = &[Step::call("setup", |run| {
    run.found = Some(setup::setup(run.root, false)?);
    Ok(())
})];

/// What needs a service or software that others wrote. A new step is one line here and one test
/// target with `test = false` in its crate's manifest.
const SERVICES: &[Step] = &[
    Step::tests_on_postgres(
        "store contract on PostgreSQL",
        &["-p", "tollgate-store", "--test", "contract_postgres"],
    ),
    Step::tests("official SDKs", &["-p", "tollgate-testkit", "--test", "peers"]),
    Step::tests("pages in Chromium", &["-p", "tollgate-testkit", "--test", "browser"]),
];

/// Runs everything at `root`, with the lock file as it is.
///
/// # Errors
/// The first failing step's.
pub(crate) fn test(root: &Path) -> Result<()> {
    Run::new(root, true).all(&[SETUP, check::STEPS, SERVICES])
}
