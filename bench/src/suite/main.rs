//! `cargo xtask bench`: measures the whole server beside a bare proxy and writes the table.

mod cases;
mod http;
mod machine;
mod programs;
mod report;
mod stage;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tollgate_bench::rounds::{FEWEST_ROUNDS, QUICK_ROUNDS};

use cases::{Bench, CASES};
use machine::Machine;
use programs::Place;
use report::Report;

/// The same allocator as the server's; making a million keys takes long enough.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the server and write the table.
#[derive(Parser)]
struct Cli {
    /// Few rounds and short waits, for a quick look
    #[arg(long)]
    quick: bool,
    /// Rounds of each comparison
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The table to write
    #[arg(long, default_value = "docs/benchmarks.md")]
    table: PathBuf,
    /// The figures to write
    #[arg(long, default_value = "bench/results/latest.json")]
    results: PathBuf,
    /// The cases to measure; all where none is named. Those that are left out keep their figures
    names: Vec<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    with_many_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&cli))
}

async fn run(cli: &Cli) -> Result<()> {
    let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    if let Some(name) = cli.names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no case {name}; there are {}", known.join(", "));
    }
    let place = Place::beside_this_program()?;
    let machine = Machine::look(&place.work)?;
    eprintln!("{}- fdatasync, load: {}", machine.told(), machine.moment());
    let rounds = cli.rounds.unwrap_or(if cli.quick { QUICK_ROUNDS } else { FEWEST_ROUNDS });
    let seconds = cli.seconds;
    let bench = Bench { place, rounds, seconds, quick: cli.quick, open_files: open_files()? };
    let mut report = Report::read(&cli.results);
    for case in CASES {
        if !cli.names.is_empty() && !cli.names.iter().any(|name| name == case.name) {
            continue;
        }
        eprintln!("── {}", case.name);
        let rows = match (case.run)(&bench).await {
            Ok(rows) => rows,
            Err(error) => vec![case.failed(&error)],
        };
        rows.iter().for_each(|row| eprintln!("{}", row.told()));
        report.put(&machine, case.name, rows);
        // After each case, so that a run that is ended early has not been in vain.
        report.write(&cli.results, &cli.table, &known)?;
    }
    eprintln!("wrote {} and {}", cli.table.display(), cli.results.display());
    Ok(())
}

/// The open files that ten thousand streams through a proxy need, with some to spare.
const OPEN_FILES: u64 = 24_000;

/// Starts this program once more with room for more open files, where it has too little; what it
/// starts inherits that. Only a shell can ask for it without unsafe code.
fn with_many_files() -> Result<()> {
    const AGAIN: &str = "TOLLGATE_BENCH_AGAIN";
    if open_files()? >= OPEN_FILES || std::env::var_os(AGAIN).is_some() {
        return Ok(());
    }
    // Up to what a process may have at most, where it may not have that many.
    let script = format!(
        "ulimit -n {OPEN_FILES} 2>/dev/null || ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    let error = shell.env(AGAIN, "1").exec();
    Err(error).context("cannot start a shell to ask for more open files")
}

/// How many files a process may have open now.
fn open_files() -> Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("no /proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_ascii_whitespace().next()).unwrap_or("0");
    Ok(soft.parse().unwrap_or(u64::MAX))
}
