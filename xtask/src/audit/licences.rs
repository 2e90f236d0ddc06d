//! On what terms we may use what we depend on.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use spdx::{Expression, LicenseReq};

use crate::process;

/// The licences that we take: whoever passes Tollgate on has to name authors, and nothing more.
/// MPL-2.0 asks for the sources of its own files, which are public and unchanged.
const TAKEN: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// A package that we may not use so.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    package: String,
    licence: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let licence = self.licence.as_deref().unwrap_or("none that it names");
        write!(f, "{}: {licence} is not among those that we take", self.package)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// The packages of the workspace at `root` whose licences are not among those that we take.
///
/// # Errors
/// Where cargo cannot tell.
pub(super) fn faults(root: &Path) -> Result<Vec<Fault>> {
    let mut cargo = process::cargo(root);
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    let told = process::output_of(&mut cargo)?;
    let metadata: Metadata = serde_json::from_str(&told).context("what cargo metadata told")?;
    let faults = metadata.packages.into_iter().filter(|it| !is_taken(it.license.as_deref()));
    let fault =
        |it: Package| Fault { package: format!("{} {}", it.name, it.version), licence: it.license };
    Ok(faults.map(fault).collect())
}

/// Whether an expression can be met by licences that we take. The slash of old manifests means or.
fn is_taken(licence: Option<&str>) -> bool {
    let Some(licence) = licence else { return false };
    let Ok(expression) = Expression::parse(&licence.replace('/', " OR ")) else { return false };
    let taken = |requirement: &LicenseReq| {
        requirement.license.id().is_some_and(|id| TAKEN.contains(&id.name))
    };
    expression.evaluate(taken)
}

#[cfg(test)]
mod tests {
    use super::is_taken;

    #[test]
    fn a_licence_that_we_take_has_to_be_among_the_choices() {
        for good in ["MIT", "Apache-2.0 OR MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT"] {
            assert!(is_taken(Some(good)), "{good}");
        }
        assert!(is_taken(Some("Apache-2.0 WITH LLVM-exception")));
        assert!(is_taken(Some("(MIT OR Apache-2.0) AND Unicode-3.0")));
        for bad in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "SSPL-1.0", "", "as you like"] {
            assert!(!is_taken(Some(bad)), "{bad}");
        }
        assert!(!is_taken(None));
    }
}
