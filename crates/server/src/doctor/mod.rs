//! `tollgate doctor`: looks at an installation and says what is wrong, and what to do about it.
//!
//! It changes nothing. A running server is asked over its socket; where none runs, the store is
//! opened under its lock.

mod address;
mod files;
mod state;

use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use tollgate_kernel::{Clock, SystemClock};

use crate::cli::args::Global;
use crate::config::{Config, Sources};
use crate::exit::Exit;

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// It works, and will not for ever.
    Warning,
    /// It does not work.
    Bad,
    /// It could not be looked at, for what was found before.
    NotLooked,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::NotLooked => "not looked at",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    check: &'static str,
    verdict: Verdict,
    what: String,
    /// What to do.
    advice: Option<String>,
}

impl Found {
    fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, what: what.into(), advice: None }
    }

    fn warning(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, advice: Some(advice.into()), ..Self::good(check, what) }
    }

    fn bad(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, advice: Some(advice.into()), ..Self::good(check, what) }
    }

    fn not_looked(check: &'static str, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotLooked, ..Self::good(check, why) }
    }
}

/// The checks that need a configuration, in the order in which they are shown.
const AFTER_CONFIGURATION: [&str; 11] = [
    "configuration_file",
    "data_folder",
    "master_key",
    "disk_space",
    "disk_speed",
    "certificates",
    "address",
    "server",
    "clock",
    "owner",
    "model_providers",
];

/// Looks at everything and prints it. An error where something is bad.
pub(crate) async fn run(global: &Global) -> Result<(), Exit> {
    let found = look(global.config.as_deref()).await;
    if global.json {
        let text =
            serde_json::to_string_pretty(&found).map_err(|e| Exit::run_time(e.to_string()))?;
        println!("{text}");
    } else if !global.quiet {
        println!("{}", table(&found));
    }
    match found.iter().filter(|found| found.verdict == Verdict::Bad).count() {
        0 => Ok(()),
        1 => Err(Exit::run_time("one check failed")),
        bad => Err(Exit::run_time(format!("{bad} checks failed"))),
    }
}

async fn look(file: Option<&Path>) -> Vec<Found> {
    let config = Sources::of_process(file, Vec::new()).and_then(|sources| Config::load(&sources));
    let config = match config {
        Ok(config) => config,
        Err(problems) => {
            let advice = "mend the places that are named; `tollgate config schema` describes all";
            let mut found = vec![Found::bad("configuration", problems.to_string(), advice)];
            let unread = |check| Found::not_looked(check, "the configuration cannot be read");
            found.extend(AFTER_CONFIGURATION.map(unread));
            return found;
        }
    };
    let read = match file {
        Some(file) => format!("{} is understood", file.display()),
        None => "no file: everything has its default".to_owned(),
    };
    let clock = SystemClock::new();
    let now = clock.now();
    let mut found = vec![Found::good("configuration", read)];
    found.push(files::configuration_file(file, &config));
    found.push(files::data_folder(&config.server.data_dir));
    found.push(files::master_key(&config));
    found.push(files::disk_space(&config.server.data_dir));
    found.push(files::disk_speed(&config.server.data_dir, &clock));
    found.push(address::certificates(&config, now));
    found.push(address::address(&config).await);
    found.extend(state::state(&config, now).await);
    found
}

fn table(found: &[Found]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for Found { check, verdict, what, advice } in found {
        let advice = advice.as_ref().map(|advice| format!("\n→ {advice}")).unwrap_or_default();
        table.add_row([verdict.as_str(), &check.replace('_', " "), &format!("{what}{advice}")]);
    }
    table
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
