//! `cargo xtask bench`: builds what is measured as it ships, and what measures it; then measures.

use std::path::Path;

use anyhow::Result;

use crate::process;

/// Measures the cases of these names, or all, and writes `docs/benchmarks.md`; with `quick` a table
/// in `target`.
///
/// # Errors
/// When a build fails or the measuring does.
pub(crate) fn bench(root: &Path, quick: bool, names: &[String]) -> Result<()> {
    // By itself, so that the server has the features that it ships with.
    process::run(process::cargo(root).args(["build", "--release"]))?;
    process::run(process::cargo(root).args(["build", "--release", "--package", "tollgate-bench"]))?;
    let mut suite = process::cargo(root);
    suite.args(["run", "--release", "--quiet", "--package", "tollgate-bench"]);
    suite.args(["--bin", "tollgate-bench-suite", "--"]);
    if quick {
        // A quick look is no reason to change the table.
        suite.args(["--quick", "--table", "target/bench/quick.md"]);
        suite.args(["--results", "target/bench/quick.json"]);
    }
    process::run(suite.args(names))
}
