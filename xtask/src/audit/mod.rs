//! What others found wrong with what we depend on, and on what terms we may use it.

mod advisories;
mod licences;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::process;

/// Where the advisories are published.
const PUBLIC: &str = "https://github.com/RustSec/advisory-db";

/// What the audit found.
#[derive(Serialize)]
struct Report {
    /// How old the advisories are: what is younger is not seen.
    snapshot: advisories::Snapshot,
    /// How many packages the lock file has.
    packages: usize,
    vulnerabilities: Vec<advisories::Finding>,
    /// Unmaintained, unsound: told, and no fault of the tree.
    notices: Vec<advisories::Finding>,
    licences: Vec<licences::Fault>,
    updates: Vec<String>,
}

/// Compares the lock file at `root` with the advisories in the folder `db`, those that are public
/// where none is named; checks the licences of all dependencies, and that an update bot looks after
/// everything that has a lock file. Prints a table, or JSON.
///
/// # Errors
/// With advisories that cannot be had, and with any finding but a notice.
pub(crate) fn audit(root: &Path, db: Option<&Path>, json: bool) -> Result<()> {
    let db = match db {
        Some(db) => db.to_owned(),
        None => fetched(root)?,
    };
    let found = advisories::compare(&root.join("Cargo.lock"), &db)?;
    let report = Report {
        snapshot: found.snapshot,
        packages: found.packages,
        vulnerabilities: found.vulnerabilities,
        notices: found.notices,
        licences: licences::faults(root)?,
        updates: not_looked_after(root)?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.told());
    }
    match report.faults() {
        0 => Ok(()),
        faults => bail!("{faults} findings of the audit"),
    }
}

impl Report {
    fn faults(&self) -> usize {
        self.vulnerabilities.len() + self.licences.len() + self.updates.len()
    }

    fn told(&self) -> String {
        let mut text = format!(
            "{} packages against {} advisories, the youngest of {} ({} days old: what is younger \
             is not seen here)\n",
            self.packages, self.snapshot.advisories, self.snapshot.youngest, self.snapshot.age_days
        );
        for (head, findings) in [("vulnerable", &self.vulnerabilities), ("notice", &self.notices)] {
            for finding in findings {
                text += &format!("{head:<11} {finding}\n");
            }
        }
        for fault in &self.licences {
            text += &format!("{:<11} {fault}\n", "licence");
        }
        for path in &self.updates {
            text += &format!("{:<11} {path} is looked after by no update bot\n", "updates");
        }
        let clean = "no known vulnerability, every licence is one that we take, updates come\n";
        if self.faults() == 0 { text + clean } else { text }
    }
}

/// The public advisories, brought by git and kept in the target folder.
fn fetched(root: &Path) -> Result<PathBuf> {
    let db = root.join("target/advisory-db");
    let mut git = Command::new("git");
    if db.join(".git").exists() {
        git.arg("-C").arg(&db).args(["pull", "--quiet", "--ff-only"]);
    } else {
        git.args(["clone", "--quiet", "--depth", "1", PUBLIC]).arg(&db);
    }
    process::run(&mut git).context(
        "the public advisories could not be brought; name a folder that has them with --db",
    )?;
    Ok(db)
}

/// The lock files that no update bot looks after.
fn not_looked_after(root: &Path) -> Result<Vec<String>> {
    const KINDS: [(&str, &str); 3] =
        [("Cargo.lock", "cargo"), ("package-lock.json", "npm"), ("requirements.txt", "pip")];
    let config = std::fs::read_to_string(root.join(".github/dependabot.yml")).unwrap_or_default();
    let listed = process::output_of(Command::new("git").arg("-C").arg(root).args(["ls-files"]))?;
    let mut missing = Vec::new();
    for path in listed.lines() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some((_, kind)) = KINDS.iter().find(|(file, _)| *file == name) else { continue };
        if !looks_after(&config, kind, folder) {
            missing.push(path.to_owned());
        }
    }
    Ok(missing)
}

/// Whether `config` has an entry of this kind for this folder.
fn looks_after(config: &str, kind: &str, folder: &str) -> bool {
    let mut entries = config.split("- package-ecosystem:").skip(1);
    entries.any(|entry| {
        let named = entry.lines().next().is_some_and(|line| line.trim().trim_matches('"') == kind);
        let place = format!("/{folder}");
        let directory = entry.lines().find_map(|line| line.trim().strip_prefix("directory:"));
        named && directory.is_some_and(|it| it.trim().trim_matches('"') == place)
    })
}

#[cfg(test)]
mod tests {
    use super::looks_after;

    #[test]
    fn an_update_bot_looks_after_a_kind_in_a_folder() {
        let config = "version: 2\nupdates:\n  - package-ecosystem: \"cargo\"\n    directory: /\n\
                      \n  - package-ecosystem: npm\n    directory: /tests/browser\n";
        assert!(looks_after(config, "cargo", ""));
        assert!(looks_after(config, "npm", "tests/browser"));
        assert!(!looks_after(config, "npm", ""));
        assert!(!looks_after(config, "cargo", "fuzz"));
        assert!(!looks_after("", "cargo", ""));
    }
}
