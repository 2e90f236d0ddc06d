//! The ledger's tables.

use tollgate_kernel::Error;

use crate::conn::Conn;

/// Statements in the order of their versions. `{blob}` and `{strict}` are the engine's own words.
///
/// From the first release on they only add. Before it, the first list was changed where it stands:
/// some tables became `{clustered}`, and an index of entries by moment went. A database from before
/// works as it is; it writes a little more.
const MIGRATIONS: &[&[&str]] =
    &[TABLES, CHARGED_CALLS, RELEASES, ENTRIES_BY_KEY, IDS_AS_BYTES, OTHER_CALLS];

const TABLES: &[&str] = &[
    "CREATE TABLE account (
        budget TEXT NOT NULL,
        window_start BIGINT NOT NULL,
        window_end BIGINT NOT NULL,
        limit_n BIGINT NOT NULL,
        spent BIGINT NOT NULL,
        leased BIGINT NOT NULL,
        asked BIGINT NOT NULL,
        asked_until BIGINT NOT NULL,
        PRIMARY KEY (budget, window_start)
    ) {clustered}",
    "CREATE TABLE node (
        id TEXT NOT NULL PRIMARY KEY,
        boot BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        expires_at BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE lease (
        node TEXT NOT NULL,
        budget TEXT NOT NULL,
        window_start BIGINT NOT NULL,
        granted BIGINT NOT NULL,
        risk BIGINT NOT NULL,
        answered BIGINT NOT NULL,
        PRIMARY KEY (node, budget, window_start)
    ) {clustered}",
    "CREATE TABLE journal (
        node TEXT NOT NULL,
        seq BIGINT NOT NULL,
        records {blob} NOT NULL,
        outcome {blob} NOT NULL,
        PRIMARY KEY (node, seq)
    ) {strict}",
    "CREATE TABLE entry (
        call_id TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        at BIGINT NOT NULL,
        request_id TEXT NOT NULL,
        user_id TEXT,
        client_id TEXT,
        key_id TEXT,
        group_id TEXT,
        model TEXT NOT NULL,
        upstream TEXT,
        state TEXT NOT NULL,
        input_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        cache_write_tokens BIGINT NOT NULL,
        output_tokens BIGINT NOT NULL,
        reasoning_tokens BIGINT NOT NULL,
        cost_nano BIGINT,
        charged_nano BIGINT NOT NULL,
        charged_tokens BIGINT NOT NULL,
        hold_nano BIGINT NOT NULL,
        hold_tokens BIGINT NOT NULL,
        excess BIGINT NOT NULL,
        budget TEXT,
        PRIMARY KEY (call_id, attempt)
    ) {clustered}",
    "CREATE INDEX entry_user ON entry (user_id, at)",
];

/// Without it the crash reserve of a budget in calls had an entry that told no amount.
const CHARGED_CALLS: &[&str] =
    &["ALTER TABLE entry ADD COLUMN charged_calls BIGINT NOT NULL DEFAULT 0"];

/// A crash reserve can be released: into the window that it was charged to.
const RELEASES: &[&str] = &[
    "ALTER TABLE entry ADD COLUMN window_start BIGINT",
    "ALTER TABLE entry ADD COLUMN released_at BIGINT",
];

/// Entries are found by the time in their ids, whosever they are. No query used the index of
/// people, and with many of them nearly each entry wrote a page of it.
const ENTRIES_BY_KEY: &[&str] = &["DROP INDEX entry_user"];

/// An entry is a third shorter with its ids as bytes, and each call writes one.
const IDS_AS_BYTES: &[&str] = &[
    "CREATE TABLE entry_by_bytes (
        call_id {blob} NOT NULL,
        attempt BIGINT NOT NULL,
        at BIGINT NOT NULL,
        request_id {blob} NOT NULL,
        user_id {blob},
        client_id {blob},
        key_id {blob},
        group_id TEXT,
        model TEXT NOT NULL,
        upstream TEXT,
        state TEXT NOT NULL,
        input_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        cache_write_tokens BIGINT NOT NULL,
        output_tokens BIGINT NOT NULL,
        reasoning_tokens BIGINT NOT NULL,
        cost_nano BIGINT,
        charged_nano BIGINT NOT NULL,
        charged_tokens BIGINT NOT NULL,
        hold_nano BIGINT NOT NULL,
        hold_tokens BIGINT NOT NULL,
        excess BIGINT NOT NULL,
        charged_calls BIGINT NOT NULL,
        budget TEXT,
        window_start BIGINT,
        released_at BIGINT,
        PRIMARY KEY (call_id, attempt)
    ) {clustered}",
    "INSERT INTO entry_by_bytes (call_id, attempt, at, request_id, user_id, client_id, key_id,
        group_id, model, upstream, state, input_tokens, cached_tokens, cache_write_tokens,
        output_tokens, reasoning_tokens, cost_nano, charged_nano, charged_tokens, hold_nano,
        hold_tokens, excess, charged_calls, budget, window_start, released_at)
    SELECT {unhex}replace(call_id, '-', ''){/unhex}, attempt, at,
        {unhex}replace(request_id, '-', ''){/unhex}, {unhex}replace(user_id, '-', ''){/unhex},
        {unhex}replace(client_id, '-', ''){/unhex}, {unhex}replace(key_id, '-', ''){/unhex},
        group_id, model, upstream, state, input_tokens, cached_tokens, cache_write_tokens,
        output_tokens, reasoning_tokens, cost_nano, charged_nano, charged_tokens, hold_nano,
        hold_tokens, excess, charged_calls, budget, window_start, released_at
    FROM entry",
    "DROP TABLE entry",
    "ALTER TABLE entry_by_bytes RENAME TO entry",
];

/// Calls of tools and through connections have entries too; their model is empty.
const OTHER_CALLS: &[&str] = &[
    "ALTER TABLE entry ADD COLUMN tool TEXT",
    "ALTER TABLE entry ADD COLUMN connection_id {blob}",
];

/// Brings the tables to the newest version.
pub(super) async fn migrate(conn: &mut Conn) -> Result<(), Error> {
    crate::migrate::run(conn, "ledger_migration", MIGRATIONS).await
}
