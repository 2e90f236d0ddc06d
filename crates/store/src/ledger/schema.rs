//! The ledger's tables.

use tollgate_kernel::Error;

use crate::sql::Conn;

/// Statements in the order of their versions; they only add. `{blob}` and `{strict}` are the
/// engine's own words.
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE account (
        budget TEXT NOT NULL,
        window_start {int} NOT NULL,
        window_end {int} NOT NULL,
        limit_n {int} NOT NULL,
        spent {int} NOT NULL,
        leased {int} NOT NULL,
        asked {int} NOT NULL,
        asked_until {int} NOT NULL,
        PRIMARY KEY (budget, window_start)
    ) {strict}",
    "CREATE TABLE node (
        id TEXT NOT NULL PRIMARY KEY,
        boot {int} NOT NULL,
        seq {int} NOT NULL,
        expires_at {int} NOT NULL
    ) {strict}",
    "CREATE TABLE lease (
        node TEXT NOT NULL,
        budget TEXT NOT NULL,
        window_start {int} NOT NULL,
        granted {int} NOT NULL,
        risk {int} NOT NULL,
        answered {int} NOT NULL,
        PRIMARY KEY (node, budget, window_start)
    ) {strict}",
    "CREATE TABLE journal (
        node TEXT NOT NULL,
        seq {int} NOT NULL,
        records {blob} NOT NULL,
        outcome {blob} NOT NULL,
        PRIMARY KEY (node, seq)
    ) {strict}",
    "CREATE TABLE entry (
        call_id TEXT NOT NULL,
        attempt {int} NOT NULL,
        at {int} NOT NULL,
        request_id TEXT NOT NULL,
        user_id TEXT,
        client_id TEXT,
        key_id TEXT,
        group_id TEXT,
        model TEXT NOT NULL,
        upstream TEXT,
        state TEXT NOT NULL,
        input_tokens {int} NOT NULL,
        cached_tokens {int} NOT NULL,
        cache_write_tokens {int} NOT NULL,
        output_tokens {int} NOT NULL,
        reasoning_tokens {int} NOT NULL,
        cost_nano {int},
        charged_nano {int} NOT NULL,
        charged_tokens {int} NOT NULL,
        hold_nano {int} NOT NULL,
        hold_tokens {int} NOT NULL,
        excess {int} NOT NULL,
        budget TEXT,
        PRIMARY KEY (call_id, attempt)
    ) {strict}",
    "CREATE INDEX entry_at ON entry (at)",
    "CREATE INDEX entry_user ON entry (user_id, at)",
]];

/// Brings the tables to the newest version.
pub(super) async fn migrate(conn: &mut Conn) -> Result<(), Error> {
    crate::migrate::run(conn, "ledger_migration", MIGRATIONS).await
}
