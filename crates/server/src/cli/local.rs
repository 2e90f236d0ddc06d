//! Verbs that open the store themselves, under its lock.

use std::sync::Arc;

use tollgate_kernel::SystemClock;
use tollgate_root::Root;
use tollgate_store::{Options, ledger};
use tollgate_vault::SystemRng;

use crate::cli::args::Global;
use crate::config::{Config, Sources};
use crate::exit::Exit;
use crate::start::target;

/// `tollgate migrate`: brings the tables to this version's form.
pub(super) async fn migrate(global: &Global) -> Result<(), Exit> {
    let config = Config::load(&Sources::of_process(global.config.as_deref(), Vec::new())?)?;
    let root = Root::new();
    let clock = Arc::new(SystemClock::new());
    let (reader, _writer) =
        tollgate_store::open(&root, Options::new(target(&config), clock.clone())).await?;
    ledger::open(&root, target(&config), clock, Arc::new(SystemRng)).await?;
    reader.close().await;
    println!("The store has this version's form.");
    Ok(())
}
