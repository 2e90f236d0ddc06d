//! All automation of the project: `cargo xtask <verb>`.

mod attacks;
mod audit;
mod bench;
mod check;
mod postgres;
mod process;
mod setup;
mod soak;
mod steps;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// All automation of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compares what we depend on with the known advisories, the licences that we take, and the
    /// configuration of the update bot.
    Audit {
        /// A folder with the advisories of RustSec; the public ones where none is named.
        #[arg(long, value_name = "PATH")]
        db: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measures the server beside a bare proxy and writes docs/benchmarks.md. Never in CI.
    Bench {
        /// Few rounds and short waits, for a quick look.
        #[arg(long)]
        quick: bool,
        /// The cases to measure; all where none is named.
        names: Vec<String>,
    },
    /// The inner loop: format, lints, tidy, unit and SQLite tests. No root, no network.
    Check,
    /// Finds what the tests need and installs what is missing.
    Setup {
        /// Install Debian packages without being root, with sudo.
        #[arg(long)]
        install: bool,
    },
    /// The crash loop with a thousand kills on each engine, and a real small language model behind
    /// the gateway. Never in CI.
    Soak {
        /// The kills of the crash loop on SQLite.
        #[arg(long, default_value_t = soak::ROUNDS)]
        rounds: u32,
        /// The kills of the crash loop on PostgreSQL.
        #[arg(long, default_value_t = soak::ROUNDS)]
        rounds_on_postgres: u32,
    },
    /// Everything: setup, check, both engines, software that others wrote. What CI runs.
    Test,
    /// Checks the rules of the house that the compiler does not know.
    Tidy,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let root = workspace_root()?;
    match cli.verb {
        Verb::Audit { ref db, json } => audit::audit(&root, db.as_deref(), json),
        Verb::Bench { quick, ref names } => bench::bench(&root, quick, names),
        Verb::Check => check::check(&root),
        Verb::Setup { install } => setup::setup(&root, install).map(drop),
        Verb::Soak { rounds, rounds_on_postgres } => {
            soak::soak(&root, soak::Rounds { sqlite: rounds, postgres: rounds_on_postgres })
        }
        Verb::Test => test::test(&root),
        Verb::Tidy => tidy::tidy(&root).and_then(|()| attacks::check(&root)),
    }
}

/// The folder above this crate's.
fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().context("xtask stands directly below the workspace's root")?;
    Ok(root.to_owned())
}
