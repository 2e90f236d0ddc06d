//! The rules of the house that neither the compiler nor clippy knows, checked from manifests and
//! sources. Each finding says what to do instead.

mod allow;
mod bans;
mod layers;
mod secrets;
mod size;
mod sql;
mod tokens;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use allow::Allowed;
use tokens::Source;
use tree::Tree;

/// Where the exceptions stand.
const ALLOW_FILE: &str = "xtask/tidy-allow.txt";

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    /// What of the file it is about, for the list of exceptions; `-` for the file itself.
    subject: String,
    message: String,
}

impl Finding {
    fn new(rule: &'static str, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, subject: "-".to_owned(), message: message.into() }
    }

    fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.path, self.line, self.message, self.rule)
    }
}

/// Checks the workspace at `root`.
///
/// # Errors
/// When a rule is broken or an exception is not needed any more; all places are printed first.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings = check(&tree)?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} places break the rules of the house", findings.len());
    }
    eprintln!("tidy: {} files, nothing to mend", tree.len());
    Ok(())
}

/// All findings in `tree` that no exception covers, and the exceptions that cover none.
fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = layers::check(tree);
    for (path, text) in tree.ending("package-lock.json") {
        findings.extend(lock_addresses(path, text));
    }
    for (path, text) in tree.ending(".sql") {
        findings.extend(sql::check_file(path, text));
    }
    for (path, text) in tree.ending(".rs") {
        match Source::parse(path, text) {
            Ok(source) => {
                findings.extend(bans::check(&source));
                findings.extend(secrets::check(&source));
                findings.extend(sql::check_source(&source));
                findings.extend(size::check(&source, text));
            }
            Err(error) => findings.push(Finding::new("syntax", path, 1, format!("{error:#}"))),
        }
    }
    let mut left = Allowed::parse(ALLOW_FILE, tree.get(ALLOW_FILE).unwrap_or(""))?.apply(findings);
    left.sort();
    Ok(left)
}

/// npm locks without addresses work wherever the packages come from; integrity hashes pin them.
fn lock_addresses(path: &str, text: &str) -> Option<Finding> {
    let (at, _) =
        text.lines().enumerate().find(|(_, line)| line.contains("\"resolved\": \"http"))?;
    let message = "a lock file without download addresses: npm writes it so with \
                   omit-lockfile-registry-resolved=true in .npmrc";
    Some(Finding::new("lock-addresses", path, at + 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that a tree of these files breaks.
    pub(super) fn rules(files: &[(&str, &str)]) -> Result<Vec<&'static str>> {
        let tree = Tree::of(files);
        Ok(check(&tree)?.into_iter().map(|finding| finding.rule).collect())
    }

    #[test]
    fn a_lock_file_with_addresses_is_found() -> Result<()> {
        let with = r#"  "resolved": "https://example.org/a.tgz","#;
        assert_eq!(rules(&[("tests/peers/node/package-lock.json", with)])?, ["lock-addresses"]);
        let without = r#"  "integrity": "sha512-AAAA","#;
        assert!(rules(&[("tests/peers/node/package-lock.json", without)])?.is_empty());
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_rust_is_found() -> Result<()> {
        assert_eq!(rules(&[("crates/gate/src/a.rs", "fn a( {")])?, ["syntax"]);
        Ok(())
    }

    #[test]
    fn an_exception_covers_its_place_and_an_unused_one_is_found() -> Result<()> {
        let bad = ("crates/gate/src/a.rs", "unsafe fn a() {}\n");
        let good = ("crates/gate/src/a.rs", "fn a() {}\n");
        let exception = (ALLOW_FILE, "unsafe crates/gate/src/a.rs - # a reason\n");
        assert_eq!(rules(&[bad])?, ["unsafe"]);
        assert!(rules(&[bad, exception])?.is_empty());
        assert_eq!(rules(&[good, exception])?, ["allow-list"]);
        Ok(())
    }
}
