//! `docs/security/attacks.md`: which attack is answered how, and which test shows it. Made from
//! `xtask/attacks.txt` and from the names of the tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

const CASES: &str = "xtask/attacks.txt";
const PAGE: &str = "docs/security/attacks.md";

const HEAD: &str = "\
# Attacks and answers

Made by `UPDATE=1 cargo xtask tidy` from `xtask/attacks.txt` and the names of the tests. Each case
has an id; a test that shows it carries the id in its name and fails without the answer.
`cargo xtask check` fails where a case in scope has no test.
";

const COLUMNS: &str = "| id | attack | answer | shown by |\n|---|---|---|---|\n";

/// What is known of a case beside its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// It has to be shown.
    Now,
    /// The part that it is about is not built.
    Later,
    /// There is nothing of that kind.
    Never,
}

/// A line of the list.
struct Case<'a> {
    ids: Vec<String>,
    shown_id: &'a str,
    scope: Scope,
    attack: &'a str,
    answer: &'a str,
}

/// The tests of each id: `gate::scan::m13_…`.
type Tests = BTreeMap<String, Vec<String>>;

/// Compares the page with what it should be; with `UPDATE` set, writes it.
///
/// # Errors
/// When the page is old, a case has no test, or a test names a case that is not listed.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut tests = Tests::new();
    for folder in ["crates", "xtask", "bench"] {
        read_folder(root, &root.join(folder), &mut tests)?;
    }
    let cases = fs::read_to_string(root.join(CASES)).context("cannot read the list of attacks")?;
    let page = page(&cases, &tests)?;
    let path = root.join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).context("cannot write the page of attacks")?;
    }
    if fs::read_to_string(&path).unwrap_or_default() != page {
        bail!("{PAGE} is old; UPDATE=1 cargo xtask tidy writes it anew");
    }
    Ok(())
}

/// The page for these cases and tests.
fn page(cases: &str, tests: &Tests) -> Result<String> {
    let mut page = HEAD.to_owned();
    let mut known = Vec::new();
    let mut missing = Vec::new();
    for line in cases.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            write!(page, "\n## {title}\n\n{COLUMNS}")?;
            continue;
        }
        let case = parse(line).with_context(|| format!("{CASES}: {line}"))?;
        let of_id = case.ids.iter().filter_map(|id| tests.get(id)).flatten();
        let mut shown: Vec<String> = of_id.map(|test| format!("`{test}`")).collect();
        shown.sort();
        shown.dedup();
        if shown.is_empty() && case.scope == Scope::Now {
            missing.push(case.shown_id);
        }
        let by = match case.scope {
            Scope::Never => "nothing of that kind here".to_owned(),
            _ if shown.is_empty() => "not yet".to_owned(),
            _ => shown.join("<br>"),
        };
        writeln!(page, "| {} | {} | {} | {by} |", case.shown_id, case.attack, case.answer)?;
        known.extend(case.ids);
    }
    if !missing.is_empty() {
        bail!("cases without a test: {}", missing.join(", "));
    }
    let strangers: Vec<&String> = tests.keys().filter(|id| !known.contains(id)).collect();
    if !strangers.is_empty() {
        bail!("tests name cases that {CASES} does not have: {strangers:?}");
    }
    Ok(page)
}

fn parse(line: &str) -> Result<Case<'_>> {
    let mut parts = line.split(" | ");
    let (Some(head), Some(attack), Some(answer), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("a case is `IDS | attack | answer`");
    };
    let (shown_id, scope) = match head.split_once(' ') {
        None => (head, Scope::Now),
        Some((id, "later")) => (id, Scope::Later),
        Some((id, "never")) => (id, Scope::Never),
        Some((_, word)) => bail!("`{word}` is not `later` or `never`"),
    };
    Ok(Case { ids: ids(shown_id)?, shown_id, scope, attack, answer })
}

/// The ids of `J1` or of `J1-J3`, in small letters.
fn ids(text: &str) -> Result<Vec<String>> {
    let number = |id: &str| -> Result<(char, u32)> {
        let letter = id.chars().next().context("an id")?.to_ascii_lowercase();
        Ok((letter, id.get(1..).context("an id")?.parse().context("an id like K1")?))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ((letter, from), (same, to)) = (number(first)?, number(last)?);
    if letter != same || from > to {
        bail!("{text} is no range");
    }
    Ok((from..=to).map(|n| format!("{letter}{n}")).collect())
}

fn read_folder(root: &Path, folder: &Path, tests: &mut Tests) -> Result<()> {
    for item in fs::read_dir(folder).with_context(|| format!("cannot read {folder:?}"))? {
        let path = item?.path();
        if path.is_dir() {
            read_folder(root, &path, tests)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
            let home = home(path.strip_prefix(root)?);
            collect(&home, &text, tests);
        }
    }
    Ok(())
}

/// `crates/gate/src/scan.rs` → `gate::scan`.
fn home(path: &Path) -> String {
    let names = path.with_extension("");
    let names = names.iter().filter_map(|name| name.to_str());
    let names = names.filter(|name| !["crates", "src", "mod", "main", "lib"].contains(name));
    names.collect::<Vec<_>>().join("::")
}

/// Adds the functions of `text` whose names begin with ids, examples in documentation too.
fn collect(home: &str, text: &str, tests: &mut Tests) {
    for line in text.lines() {
        let line = line.trim().trim_start_matches("//!").trim_start();
        let words = line.trim_start_matches("pub(crate) ").trim_start_matches("async ");
        let Some(name) = words.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next())
        else {
            continue;
        };
        for id in name.split('_').take_while(|word| is_id(word)) {
            let list = tests.entry(id.to_owned()).or_default();
            let test = format!("{home}::{name}");
            if !list.contains(&test) {
                list.push(test);
            }
        }
    }
}

fn is_id(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|letter| "fghjkmnptv".contains(letter))
        && !letters.as_str().is_empty()
        && letters.all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(text: &str) -> Tests {
        let mut tests = Tests::new();
        collect(&home(Path::new("crates/gate/src/scan.rs")), text, &mut tests);
        tests
    }

    #[test]
    fn tests_are_found_by_their_names() {
        let found = tests("    async fn k6_m6_no_key() {\n//! fn m8_held(a: A) {\nfn keys() {\n");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["k6", "m6", "m8"]);
        assert_eq!(found.get("m6"), Some(&vec!["gate::scan::k6_m6_no_key".to_owned()]));
    }

    #[test]
    fn a_case_without_a_test_and_a_test_without_a_case_are_errors() -> Result<()> {
        let one = "== A\nK1 | attack | answer\nV1-V3 later | attack | answer\n";
        assert!(page(one, &tests("")).is_err());
        assert!(page(one, &tests("fn k1_a() {\nfn m1_a() {\n")).is_err());
        let made = page(one, &tests("fn k1_a() {\n"))?;
        assert!(made.contains("| K1 | attack | answer | `gate::scan::k1_a` |"));
        assert!(made.contains("| V1-V3 | attack | answer | not yet |"));
        assert!(page("K1 soon | a | b", &tests("fn k1_a() {\n")).is_err());
        Ok(())
    }
}
