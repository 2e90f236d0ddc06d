//! What the two engines cannot say in the same words. Each difference has a name and a number;
//! there are fewer than ten.

use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::engine::Statement;
use crate::value::Value;

/// 1a: how a writing transaction begins on SQLite: with the write lock, so that it cannot fail
/// half-way for want of it.
pub(crate) const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// 1b: how it begins on PostgreSQL.
pub(crate) const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// 2: the words of a migration that each engine spells in its own way: the word, SQLite,
/// PostgreSQL.
const WORDS: [(&str, &str, &str); 7] = [
    // Text in the order of its bytes, whatever the locale of the server.
    ("TEXT", "TEXT", "TEXT COLLATE \"C\""),
    // A STRICT table knows INTEGER alone.
    ("BIGINT", "INTEGER", "BIGINT"),
    ("{blob}", "BLOB", "BYTEA"),
    ("{strict}", "STRICT", ""),
    // Rows within the tree of the primary key: one look-up less.
    ("{clustered}", "STRICT, WITHOUT ROWID", ""),
    // Bytes from hexadecimal digits.
    ("{unhex}", "unhex(", "decode("),
    ("{/unhex}", ")", ", 'hex')"),
];

/// Renders a migration for one of the engines.
pub(crate) fn render(text: &str, postgres: bool) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (word, sqlite, pg)| {
        text.replace(word, if postgres { pg } else { sqlite })
    })
}

/// 3: built text, the only one: `head`, a VALUES list of as many rows of `width` as `args` fill,
/// `tail`. Only placeholders are added.
pub(crate) fn values(
    head: &'static str,
    width: usize,
    tail: &'static str,
    args: Vec<Value>,
) -> Statement {
    let rows = args.len() / width.max(1);
    let mut sql = String::with_capacity(head.len() + tail.len() + args.len() * 6);
    sql.push_str(head);
    sql.push_str(" VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            sql.push_str(if column == 0 { "$" } else { ", $" });
            sql.push_str(&(row * width + column + 1).to_string());
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(tail);
    // Each number of rows is a text of its own: only few of them may stay prepared.
    Statement { sql: AssertSqlSafe(sql).into_sql_str(), args, keep: rows.is_power_of_two() }
}

/// 4: what a migration says first on PostgreSQL: it waits for the others of this database, and
/// may take its time. On SQLite the transaction holds the write lock.
pub(crate) const MIGRATION_POSTGRES: [&str; 3] = [
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '60s'",
    "SELECT pg_advisory_xact_lock(8030182417001)",
];

/// 5: the lock of the one server that may use a PostgreSQL database, held by a session.
/// With it comes the session's number, by which it can be ended.
pub(crate) const SERVER_LOCK_POSTGRES: &str =
    "SELECT pg_try_advisory_lock(8030182417002) AS won, pg_backend_pid() AS session";

/// 6: ends the session that has such a lock of this database, and this number.
pub(crate) const END_SESSION_POSTGRES: &str = "SELECT pg_terminate_backend(pid) AS ended \
    FROM pg_locks WHERE locktype = 'advisory' AND pid = $1 \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
