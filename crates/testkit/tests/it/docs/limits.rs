//! The limits that are fixed, read from the constants of the sources.

use std::fmt::Write;
use std::path::Path;

use super::{cell, root};

/// What the words about a limit begin with.
const LIMITS: [&str; 14] = [
    "most ",
    "largest ",
    "longest ",
    "fewest ",
    "shortest ",
    "how long",
    "how often",
    "how many",
    "how fast",
    "how far",
    "the most",
    "the largest",
    "the longest",
    "the fewest",
];

/// Kinds of constants that limits are.
const KINDS: [&str; 7] = ["u32", "u64", "usize", "i64", "u16", "Duration", "std::time::Duration"];

/// Crates with limits that somebody outside may meet, and folders in them that have none.
const CRATES: [&str; 7] = ["edge", "gate", "identity", "console", "models", "server", "protocol"];
const INSIDE: [&str; 7] =
    ["ledger", "demo_model", "cli", "tests", "testing.rs", "demo.rs", "ask.rs"];

/// Adds a table of all of them.
pub(super) fn table(page: &mut String) {
    page.push_str(
        "\n## Fixed limits\n\nThese are constants of the program: no setting moves them. Read from \
         the sources.\n\n| where | name | value | meaning |\n|---|---|---|---|\n",
    );
    let mut count = 0;
    for name in CRATES {
        let mut found = Vec::new();
        collect(&root().join("crates").join(name).join("src"), &mut found);
        found.sort();
        for (constant, value, meaning) in found {
            writeln!(page, "| {name} | `{constant}` | `{value}` | {} |", cell(&meaning)).unwrap();
            count += 1;
        }
    }
    assert!(count > 30, "only {count} limits were found");
}

fn collect(folder: &Path, found: &mut Vec<(String, String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if INSIDE.contains(&name) || name.ends_with("tests.rs") {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if name.ends_with(".rs") {
            read(&std::fs::read_to_string(&path).unwrap(), found);
        }
    }
}

fn read(source: &str, found: &mut Vec<(String, String, String)>) {
    let production = source.split("#[cfg(test)]").next().unwrap();
    let mut words = String::new();
    for line in production.lines() {
        let line = line.trim();
        if let Some(more) = line.strip_prefix("///") {
            words.push_str(if words.is_empty() { "" } else { " " });
            words.push_str(more.trim());
            continue;
        }
        let meaning = std::mem::take(&mut words);
        let constant = line.split_once("const ").map(|(_, rest)| rest);
        let Some((name, rest)) = constant.and_then(|rest| rest.split_once(": ")) else { continue };
        let Some((kind, value)) = rest.split_once(" = ") else { continue };
        let lower = meaning.to_lowercase();
        if KINDS.contains(&kind)
            && !value.contains("Self::")
            && LIMITS.iter().any(|start| lower.starts_with(start))
        {
            let value = value.trim_end_matches(';').replace("std::time::", "");
            found.push((name.to_owned(), value, meaning));
        }
    }
}
