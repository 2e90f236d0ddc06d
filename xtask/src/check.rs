//! `cargo xtask check`: what a change must pass before it is shown to anybody.

use std::path::Path;

use anyhow::Result;

use crate::attacks;
use crate::process;
use crate::steps::{Run, Step};
use crate::tidy;

/// The steps of the inner loop. Tests that need a service are test targets with `test = false` in
/// their manifest, so that the last step leaves them out.
pub(crate) const STEPS: &[Step] = &[
    Step::call("format", format),
    Step::call("tidy", |run| tidy::tidy(run.root)),
    Step::call("attacks and their tests", |run| attacks::check(run.root)),
    Step::call("lints", lints),
    Step::tests("unit and SQLite tests", &["--workspace"]),
];

/// Runs the inner loop at `root`.
///
/// # Errors
/// The first failing step's.
pub(crate) fn check(root: &Path) -> Result<()> {
    Run::new(root, false).all(&[STEPS])
}

fn format(run: &mut Run<'_>) -> Result<()> {
    process::run(process::cargo(run.root).args(["fmt", "--all", "--", "--check", "--color=never"]))
}

/// Clippy over all targets; then over the test targets that need a service, which `--all-targets`
/// leaves out with the tests that do not run by default.
fn lints(run: &mut Run<'_>) -> Result<()> {
    for targets in [&["--all-targets"][..], &["--test", "*"]] {
        let mut clippy = process::cargo(run.root);
        clippy.args(["clippy", "--workspace"]).args(targets);
        clippy.args(run.locked.then_some("--locked")).args(["--", "-D", "warnings"]);
        process::run(&mut clippy)?;
    }
    Ok(())
}
