//! The lock file beside the advisories of RustSec.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustsec::{Advisory, Database, Lockfile};
use serde::Serialize;

/// What the lock file and the advisories have in common.
pub(super) struct Found {
    pub(super) snapshot: Snapshot,
    pub(super) packages: usize,
    pub(super) vulnerabilities: Vec<Finding>,
    pub(super) notices: Vec<Finding>,
}

/// How much the advisories can know.
#[derive(Serialize)]
pub(super) struct Snapshot {
    pub(super) advisories: usize,
    /// The day of the youngest one.
    pub(super) youngest: String,
    pub(super) age_days: i32,
}

/// A package that an advisory is about.
#[derive(Serialize)]
pub(super) struct Finding {
    id: String,
    package: String,
    version: String,
    title: String,
    /// The versions that mend it.
    patched: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, package, version, title, patched } = self;
        let mended = match patched.as_slice() {
            [] => "nothing mends it yet".to_owned(),
            some => format!("mended in {}", some.join(" or ")),
        };
        write!(f, "{id} {package} {version}: {title} ({mended})")
    }
}

/// Compares the lock file with the advisories in the folder `db`.
///
/// # Errors
/// Where one of them cannot be read.
pub(super) fn compare(lock: &Path, db: &Path) -> Result<Found> {
    let database = Database::open(db)
        .with_context(|| format!("{} has no advisories that can be read", db.display()))?;
    let lock = Lockfile::load(lock).with_context(|| format!("{}", lock.display()))?;
    let mut found = Found {
        snapshot: snapshot(&database)?,
        packages: lock.packages.len(),
        vulnerabilities: Vec::new(),
        notices: Vec::new(),
    };
    for package in &lock.packages {
        for advisory in database.iter() {
            if advisory.metadata.package != package.name || advisory.withdrawn() {
                continue;
            }
            if !advisory.versions.is_vulnerable(&package.version) {
                continue;
            }
            let finding = finding(advisory, package);
            match advisory.metadata.informational {
                Some(_) => found.notices.push(finding),
                None => found.vulnerabilities.push(finding),
            }
        }
    }
    Ok(found)
}

fn finding(advisory: &Advisory, package: &rustsec::package::Package) -> Finding {
    let patched = advisory.versions.patched().iter().map(ToString::to_string);
    Finding {
        id: advisory.id().to_string(),
        package: package.name.to_string(),
        version: package.version.to_string(),
        title: advisory.title().to_owned(),
        patched: patched.collect(),
    }
}

fn snapshot(database: &Database) -> Result<Snapshot> {
    let dates = database.iter().map(|advisory| advisory.date().as_str().to_owned());
    let youngest = dates.max().context("there is no advisory in the folder")?;
    let day: Date = youngest.parse().context("the day of an advisory")?;
    let age_days = Timestamp::now().to_zoned(TimeZone::UTC).date().since(day)?.get_days();
    Ok(Snapshot { advisories: database.iter().count(), youngest, age_days })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"frail\"\nversion = \"1.2.3\"\n\
                        \n[[package]]\nname = \"old\"\nversion = \"0.1.0\"\n\
                        \n[[package]]\nname = \"sound\"\nversion = \"1.0.0\"\n";

    /// A folder with these advisories: the package, the versions that mend it, and what else stands
    /// in its head.
    fn database(advisories: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, (package, patched, more)) in advisories.iter().enumerate() {
            let id = format!("RUSTSEC-2026-{number:04}");
            let text = format!(
                "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\n\
                 date = \"2026-08-0{day}\"\n{more}\n[versions]\npatched = [{patched}]\n```\n\n\
                 # It breaks\n\nIn some way.\n",
                day = number + 1
            );
            let place = folder.path().join("crates").join(package);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join(format!("{id}.md")), text).unwrap();
        }
        folder
    }

    fn compared(advisories: &[(&str, &str, &str)]) -> Found {
        let folder = database(advisories);
        let lock = folder.path().join("Cargo.lock");
        std::fs::write(&lock, LOCK).unwrap();
        compare(&lock, folder.path()).unwrap()
    }

    #[test]
    fn a_version_that_is_not_mended_is_found() {
        let found = compared(&[("frail", "\">= 1.2.4\"", ""), ("elsewhere", "", "")]);
        let told: Vec<String> = found.vulnerabilities.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["RUSTSEC-2026-0000 frail 1.2.3: It breaks (mended in >=1.2.4)"]);
        assert_eq!((found.packages, found.snapshot.advisories), (3, 2));
        assert_eq!(found.snapshot.youngest, "2026-08-02");
    }

    #[test]
    fn what_is_mended_withdrawn_or_only_told_is_no_vulnerability() {
        let found = compared(&[
            ("frail", "\">= 1.2.3\"", ""),
            ("sound", "", "withdrawn = \"2026-08-09\""),
            ("old", "", "informational = \"unmaintained\""),
        ]);
        assert!(found.vulnerabilities.is_empty());
        let notices: Vec<&str> = found.notices.iter().map(|it| it.package.as_str()).collect();
        assert_eq!(notices, ["old"]);
    }

    #[test]
    fn a_folder_without_advisories_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("crates")).unwrap();
        let lock = folder.path().join("Cargo.lock");
        std::fs::write(&lock, LOCK).unwrap();
        assert!(compare(&lock, folder.path()).is_err());
    }
}
