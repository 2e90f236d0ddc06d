//! The `tollgate` binary.

use std::process::ExitCode;

use clap::Parser;
use tollgate_server::cli::args::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match tollgate_server::cli::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            eprintln!("{exit}");
            ExitCode::from(exit.code())
        }
    }
}
