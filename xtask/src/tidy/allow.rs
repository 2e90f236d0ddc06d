//! The list of exceptions. It only shrinks: an entry that covers nothing is itself a finding.

use anyhow::{Result, bail};

use super::Finding;

/// One line of the list: `rule path subject # reason`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    rule: String,
    path: String,
    subject: String,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Allowed {
    file: &'static str,
    entries: Vec<Entry>,
}

impl Allowed {
    /// Reads the list. Empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// When a line has another form, or no reason.
    pub(super) fn parse(file: &'static str, text: &str) -> Result<Self> {
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (place, reason) = line.split_once('#').unwrap_or((line, ""));
            let words: Vec<&str> = place.split_whitespace().collect();
            let [rule, path, subject] = words[..] else {
                bail!("{file}:{}: an exception reads: rule path subject # reason", at + 1);
            };
            if reason.trim().is_empty() {
                bail!("{file}:{}: an exception has a reason after a #", at + 1);
            }
            let own = str::to_owned;
            entries.push(Entry {
                line: at + 1,
                rule: own(rule),
                path: own(path),
                subject: own(subject),
            });
        }
        Ok(Self { file, entries })
    }

    /// The findings that no entry covers, and one for each entry that covers none.
    pub(super) fn apply(self, findings: Vec<Finding>) -> Vec<Finding> {
        let covers = |entry: &Entry, finding: &Finding| {
            entry.rule == finding.rule
                && entry.path == finding.path
                && entry.subject == finding.subject
        };
        let unused: Vec<Finding> = self
            .entries
            .iter()
            .filter(|entry| !findings.iter().any(|finding| covers(entry, finding)))
            .map(|entry| {
                let message = "this exception is not needed any more: remove the line";
                Finding::new("allow-list", self.file, entry.line, message)
            })
            .collect();
        findings
            .into_iter()
            .filter(|finding| !self.entries.iter().any(|entry| covers(entry, finding)))
            .chain(unused)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        assert!(Allowed::parse("f", "unsafe a.rs -").is_err());
        assert!(Allowed::parse("f", "unsafe a.rs - #  ").is_err());
        assert!(Allowed::parse("f", "unsafe a.rs # why").is_err());
        assert!(Allowed::parse("f", "# a comment\n\nunsafe a.rs - # why").is_ok());
    }

    #[test]
    fn an_exception_covers_its_subject_alone() -> Result<()> {
        let long = |name: &str| Finding::new("function-length", "a.rs", 1, "").about(name);
        let allowed = Allowed::parse("f", "function-length a.rs one # why")?;
        assert_eq!(allowed.apply(vec![long("one"), long("two")]), [long("two")]);
        Ok(())
    }
}
