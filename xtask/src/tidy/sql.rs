//! One SQL text for both engines: what only one of them knows, or both read differently.

use super::Finding;
use super::tokens::Source;

/// Where the counted exceptions live.
const DIALECT: [&str; 2] = ["crates/store/src/dialect.rs", "crates/store/src/dialect/"];

struct Banned {
    text: &'static str,
    instead: &'static str,
}

/// Found as they stand, in either case.
const PARTS: [Banned; 4] = [
    Banned { text: "now()", instead: "bind the time of the injected Clock" },
    Banned { text: "any($", instead: "build the list of placeholders, or join with a VALUES list" },
    Banned { text: "->>", instead: "a column of its own, or parse the JSON in Rust" },
    Banned { text: "current_timestamp", instead: "bind the time of the injected Clock" },
];

/// Found as whole words in capitals, as keywords are written here.
const WORDS: [Banned; 7] = [
    Banned { text: "ILIKE", instead: "compare a column that is stored folded" },
    Banned {
        text: "LIKE",
        instead: "a range over the prefix; SQLite's LIKE is blind to case, PostgreSQL's is not",
    },
    Banned { text: "AUTOINCREMENT", instead: "an id from the injected Rng, or a counter row" },
    Banned { text: "SERIAL", instead: "an id from the injected Rng, or a counter row" },
    Banned { text: "BIGSERIAL", instead: "an id from the injected Rng, or a counter row" },
    Banned { text: "IDENTITY", instead: "an id from the injected Rng, or a counter row" },
    Banned { text: "REPLACE", instead: "INSERT … ON CONFLICT … DO UPDATE" },
];

/// Checks the string literals of the store.
pub(super) fn check_source(source: &Source) -> Vec<Finding> {
    let exempt = DIALECT.iter().any(|path| source.path.starts_with(path));
    if source.home() != "store" || exempt {
        return Vec::new();
    }
    let strings = source.production.iter().filter(|token| token.text.contains('"'));
    strings
        .flat_map(|token| banned_in(&token.text).map(|ban| finding(&source.path, token.line, ban)))
        .collect()
}

/// Checks a file of SQL, but for its comments.
pub(super) fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let code = text.lines().map(|line| line.split("--").next().unwrap_or(""));
    code.enumerate()
        .flat_map(|(at, line)| banned_in(line).map(move |ban| finding(path, at + 1, ban)))
        .collect()
}

fn banned_in(sql: &str) -> impl Iterator<Item = &'static Banned> {
    let folded = sql.to_lowercase();
    let words: Vec<String> =
        sql.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect();
    let parts = PARTS.iter().filter(move |ban| folded.contains(ban.text));
    parts.chain(WORDS.iter().filter(move |ban| words.iter().any(|word| word == ban.text)))
}

fn finding(path: &str, line: usize, ban: &Banned) -> Finding {
    let message = format!("{} is not the same on both engines; instead: {}", ban.text, ban.instead);
    Finding::new("portable-sql", path, line, message)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use anyhow::Result;

    fn of(path: &str, sql: &str) -> Result<usize> {
        Ok(rules(&[(path, &format!("const A: &str = r\"{sql}\";\n"))])?.len())
    }

    #[test]
    fn sql_that_one_engine_lacks_is_found() -> Result<()> {
        let path = "crates/store/src/keys.rs";
        for sql in [
            "SELECT Now()",
            "a ILIKE $1",
            "a LIKE $1",
            "a = ANY($1)",
            "a->>'b'",
            "id INTEGER PRIMARY KEY AUTOINCREMENT",
            "id SERIAL",
            "GENERATED ALWAYS AS IDENTITY",
            "INSERT OR REPLACE INTO a",
        ] {
            assert_eq!(of(path, sql)?, 1, "{sql}");
        }
        assert_eq!(of(path, "a time like this, serially; identity")?, 0);
        Ok(())
    }

    #[test]
    fn the_dialect_and_other_crates_are_free() -> Result<()> {
        assert_eq!(of("crates/store/src/dialect.rs", "a ILIKE $1")?, 0);
        assert_eq!(of("crates/gate/src/a.rs", "a LIKE b")?, 0);
        Ok(())
    }

    #[test]
    fn migrations_are_checked_without_their_comments() -> Result<()> {
        let path = "crates/store/migrations/0001.sql";
        assert_eq!(rules(&[(path, "-- no SERIAL\nCREATE TABLE a (id SERIAL);")])?.len(), 1);
        assert!(rules(&[(path, "-- no SERIAL\nCREATE TABLE a (id TEXT);")])?.is_empty());
        Ok(())
    }
}
