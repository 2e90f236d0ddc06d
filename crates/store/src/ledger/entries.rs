//! Entries: written once by the fold, read by pages, API and command line.

use std::time::Duration;

use tollgate_kernel::{
    CallId, ClientId, ConnectionId, EntryKey, EntryState, Error, KeyId, Timestamp, Usage, UserId,
};
use uuid::Uuid;

use super::batch::{AccountRef, Fold};
use super::queries::{ENTRIES, USAGE};
use crate::conn::Conn;
use crate::sql::{Db, Row, Value, args};

/// The columns that each entry has, and those that only a crash reserve has beside them.
const COLUMNS: usize = 25;
const RESERVE_COLUMNS: usize = COLUMNS + 2;

/// How far a call's id and its moment may be apart: the clock is asked for one after the other, and
/// somebody may set it in between.
const ASTRAY: Duration = Duration::from_secs(60);

/// Above the ids of all calls, which have a byte less.
const ABOVE_ALL: [u8; 17] = [0xff; 17];

const INSERT: &str = "INSERT INTO entry (call_id, attempt, at, request_id, user_id, client_id,
    key_id, group_id, model, upstream, state, input_tokens, cached_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens, cost_nano, charged_nano, charged_tokens, hold_nano,
    hold_tokens, excess, charged_calls, tool, connection_id)";

const INSERT_RESERVE: &str = "INSERT INTO entry (call_id, attempt, at, request_id, user_id,
    client_id, key_id, group_id, model, upstream, state, input_tokens, cached_tokens,
    cache_write_tokens, output_tokens, reasoning_tokens, cost_nano, charged_nano, charged_tokens,
    hold_nano, hold_tokens, excess, charged_calls, tool, connection_id, budget, window_start)";

/// Writes the entries of `folds`. A second entry for one call and attempt is an error.
pub(super) async fn insert(conn: &mut Conn, folds: &[Fold]) -> Result<(), Error> {
    let mut values = Vec::with_capacity(folds.len() * COLUMNS);
    for fold in folds {
        push_values(&mut values, fold);
    }
    insert_rows(conn, values).await
}

/// Writes the entry of a crash reserve, which belongs to a budget and to no call.
pub(super) async fn insert_reserve(
    conn: &mut Conn,
    fold: &Fold,
    budget: &str,
    window_start: i64,
) -> Result<(), Error> {
    let mut values = Vec::with_capacity(RESERVE_COLUMNS);
    push_values(&mut values, fold);
    values.extend([budget.into(), window_start.into()]);
    conn.execute_values((INSERT_RESERVE, RESERVE_COLUMNS, ""), values).await.map(drop)
}

/// Gives what a crash reserve was charged back to its account. One that was released before, or is
/// none, changes nothing: the caller may do this again after a lost answer.
pub(super) async fn release(conn: &mut Conn, call: CallId, at: Timestamp) -> Result<(), Error> {
    const RESERVE: &str = "SELECT budget, window_start,
            charged_nano + charged_tokens + charged_calls AS charged
        FROM entry WHERE call_id = $1 AND state = 'crash_reserve' AND released_at IS NULL
            AND budget IS NOT NULL AND window_start IS NOT NULL";
    // SQLite numbers `$N` by where they first stand: they stand in order.
    const ENTRY: &str = "UPDATE entry SET released_at = $1, charged_nano = 0, charged_tokens = 0,
            charged_calls = 0, cost_nano = CASE WHEN cost_nano IS NULL THEN NULL ELSE 0 END
        WHERE call_id = $2 AND state = 'crash_reserve'";
    const ACCOUNT: &str = "UPDATE account SET spent = spent - $1
        WHERE budget = $2 AND window_start = $3";
    let Some(row) = conn.optional(RESERVE, args![call.uuid()]).await? else { return Ok(()) };
    conn.execute(ENTRY, args![at, call.uuid()]).await?;
    let (budget, start, charged) =
        (row.text("budget")?, row.int("window_start")?, row.int("charged")?);
    conn.execute(ACCOUNT, args![charged, budget, start]).await.map(drop)
}

/// Whether the entry of `key` is written.
pub(super) async fn exists(conn: &mut Conn, key: EntryKey) -> Result<bool, Error> {
    const EXISTS: &str = "SELECT attempt FROM entry WHERE call_id = $1 AND attempt = $2";
    let args = args![key.call.uuid(), i64::from(key.attempt)];
    Ok(conn.optional(EXISTS, args).await?.is_some())
}

/// Inserts row after row, in statements of 64, 32, 16… rows, so that few texts stay prepared.
async fn insert_rows(conn: &mut Conn, mut values: Vec<Value>) -> Result<(), Error> {
    const MOST: usize = 64;
    while !values.is_empty() {
        let rows = values.len() / COLUMNS;
        let now = if rows >= MOST { MOST } else { 1 << rows.ilog2() };
        let rest = values.split_off(now * COLUMNS);
        conn.execute_values((INSERT, COLUMNS, ""), values).await?;
        values = rest;
    }
    Ok(())
}

fn push_values(out: &mut Vec<Value>, fold: &Fold) {
    let Fold { opened, settlement } = fold;
    let tally = &settlement.tally;
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    out.extend([
        opened.key.call.uuid().into(),
        i64::from(opened.key.attempt).into(),
        opened.at.into(),
        opened.request.uuid().into(),
        opened.user.map(UserId::uuid).into(),
        opened.client.map(ClientId::uuid).into(),
        opened.api_key.map(KeyId::uuid).into(),
        opened.group.as_ref().map(|group| group.as_str()).into(),
        opened.called.model().into(),
        opened.upstream.as_ref().map(|upstream| upstream.as_str()).into(),
        tally.state.as_str().into(),
    ]);
    let Usage { input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens } =
        tally.usage;
    out.extend(
        [input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens]
            .map(|n| Value::from(whole(n))),
    );
    out.extend([
        tally.cost_nano.into(),
        tally.charged.money.into(),
        tally.charged.tokens.into(),
        opened.hold.money.into(),
        opened.hold.tokens.into(),
        tally.excess.into(),
        tally.charged.calls.into(),
        opened.called.tool().into(),
        opened.called.connection().map(ConnectionId::uuid).into(),
    ]);
}

/// Reads entries and accounts, on connections that never wait for the writer.
#[derive(Clone)]
pub struct LedgerReader {
    db: Db,
}

/// Which entries are asked for. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Of this person.
    pub user: Option<String>,
    /// Of this key.
    pub key: Option<String>,
    /// Of this app.
    pub client: Option<String>,
    /// Of this group.
    pub group: Option<String>,
    /// For this model.
    pub model: Option<String>,
    /// For this tool.
    pub tool: Option<String>,
    /// Through this connection.
    pub connection: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Of this request.
    pub request: Option<String>,
    /// Of this call.
    pub call: Option<String>,
    /// With this attempt at an upstream.
    pub attempt: Option<i64>,
    /// Of this upstream.
    pub upstream: Option<String>,
    /// Charged to this budget, as crash reserves are.
    pub budget: Option<String>,
    /// With more reported than held, or not.
    pub excess: Option<bool>,
    /// With exactly this cost.
    pub cost_nano: Option<i64>,
    /// With exactly this hold in money.
    pub hold_nano: Option<i64>,
    /// Older than this call: where the page before ended.
    pub before: Option<CallId>,
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRow {
    /// The call.
    pub call_id: String,
    /// The attempt at an upstream.
    pub attempt: i64,
    /// When it was reserved.
    pub at: Timestamp,
    /// The answer's `x-request-id`.
    pub request_id: String,
    /// The person.
    pub user: Option<String>,
    /// The app.
    pub client: Option<String>,
    /// The key's id.
    pub key: Option<String>,
    /// The group whose plan was in effect.
    pub group: Option<String>,
    /// The model that was asked for; empty where it was none.
    pub model: String,
    /// The tool that was asked for.
    pub tool: Option<String>,
    /// The connection that was asked for.
    pub connection: Option<String>,
    /// The upstream that was called.
    pub upstream: Option<String>,
    /// How it ended.
    pub state: EntryState,
    /// Tokens.
    pub usage: Usage,
    /// The cost; `None` without a price.
    pub cost_nano: Option<i64>,
    /// What the accounts in money were charged.
    pub charged_nano: i64,
    /// What the accounts in tokens were charged.
    pub charged_tokens: i64,
    /// What the accounts in calls were charged.
    pub charged_calls: i64,
    /// What was held in money.
    pub hold_nano: i64,
    /// What was held in tokens.
    pub hold_tokens: i64,
    /// Whether the upstream reported more than the hold.
    pub excess: bool,
    /// The budget that a crash reserve was charged to.
    pub budget: Option<String>,
    /// When a crash reserve was released.
    pub released_at: Option<Timestamp>,
}

/// By what usage is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageSplit {
    /// By day (UTC).
    pub day: bool,
    /// By model.
    pub model: bool,
    /// By key.
    pub key: bool,
    /// By person.
    pub user: bool,
    /// By group.
    pub group: bool,
    /// By app.
    pub client: bool,
    /// By tool.
    pub tool: bool,
    /// By connection.
    pub connection: bool,
}

/// A sum of entries. A member that was not split by is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageRow {
    /// Days since 1970-01-01 (UTC).
    pub day: Option<i64>,
    /// The model; empty for calls of none.
    pub model: Option<String>,
    /// The key's id.
    pub key: Option<String>,
    /// The person.
    pub user: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// The app.
    pub client: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The connection.
    pub connection: Option<String>,
    /// How many calls, however many attempts at an upstream each took.
    pub calls: i64,
    /// Input tokens.
    pub input_tokens: i64,
    /// Of them, read from the provider's cache.
    pub cached_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// What it cost, as far as there are prices.
    pub cost_nano: i64,
    /// What calls in flight hold in money. The store knows of none; the gate adds it.
    pub held_nano: i64,
    /// Calls without a price among them.
    pub unpriced: i64,
    /// Calls whose figures are a bound.
    pub estimated: i64,
    /// Calls that a crash cut off.
    pub interrupted: i64,
}

/// What an account has given away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Settled and folded.
    pub spent: i64,
    /// In leases: held, settled but not folded, or free in a node's hands.
    pub leased: i64,
}

impl LedgerReader {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Entries, newest first, at most `limit`.
    pub async fn entries(&self, filter: &EntryFilter, limit: u32) -> Result<Vec<EntryRow>, Error> {
        let mut args = span_and_names(filter);
        args.extend([
            filter.state.as_deref().into(),
            asked(filter.request.as_deref()),
            asked(filter.call.as_deref()),
            filter.before.map(CallId::uuid).into(),
            filter.attempt.into(),
            filter.upstream.as_deref().into(),
            filter.budget.as_deref().into(),
            filter.excess.into(),
            filter.cost_nano.into(),
            filter.hold_nano.into(),
            i64::from(limit).into(),
        ]);
        args.extend(keys(filter));
        args.extend(others(filter));
        self.db.all(ENTRIES, args).await?.iter().map(entry_row).collect()
    }

    /// Sums of entries, split as asked, newest day first. A call counts once, as what its last
    /// attempt came to. Crash reserves are no calls and are left out.
    pub async fn usage(
        &self,
        filter: &EntryFilter,
        split: UsageSplit,
    ) -> Result<Vec<UsageRow>, Error> {
        let UsageSplit { day, model, key, user, group, client, tool, connection } = split;
        let mut args = span_and_names(filter);
        args.extend([day, model, key, user, group, client].map(Value::from));
        args.extend(keys(filter));
        args.extend([tool, connection].map(Value::from));
        args.extend(others(filter));
        self.db.all(USAGE, args).await?.iter().map(usage_row).collect()
    }

    /// What an account has given away; nothing where it has no row yet.
    pub async fn standing(&self, account: &AccountRef) -> Result<Standing, Error> {
        const STANDING: &str =
            "SELECT spent, leased FROM account WHERE budget = $1 AND window_start = $2";
        let args = args![&*account.budget, account.start_us];
        match self.db.optional(STANDING, args).await? {
            Some(row) => Ok(Standing { spent: row.int("spent")?, leased: row.int("leased")? }),
            None => Ok(Standing::default()),
        }
    }

    /// Closes all connections in good order. Whoever reads afterwards is told that the store is
    /// away.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

fn span_and_names(filter: &EntryFilter) -> Vec<Value> {
    vec![
        filter.from.map_or(0, Timestamp::micros).into(),
        filter.to.map_or(i64::MAX, Timestamp::micros).into(),
        asked(filter.user.as_deref()),
        asked(filter.key.as_deref()),
        asked(filter.client.as_deref()),
        filter.group.as_deref().into(),
        filter.model.as_deref().into(),
    ]
}

fn others(filter: &EntryFilter) -> [Value; 2] {
    [filter.tool.as_deref().into(), asked(filter.connection.as_deref())]
}

/// The bytes of an id that is asked for. Text that is not one is the id of nothing.
fn asked(id: Option<&str>) -> Value {
    let bytes = |text: &str| match Uuid::try_parse(text) {
        Ok(id) if id.to_string() == text => id.into_bytes().to_vec(),
        _ => Vec::new(),
    };
    id.map(bytes).into()
}

/// The lowest key that a call of the filter's moments may have, and one above all of theirs.
fn keys(filter: &EntryFilter) -> [Value; 2] {
    let low = filter.from.map_or(Vec::new(), |from| first_key(from.minus(ASTRAY)));
    let high = filter.to.map_or(ABOVE_ALL.to_vec(), |to| first_key(to.plus(ASTRAY)));
    [low.into(), high.into()]
}

/// The lowest id of a moment: RFC 9562 (5.7) has its milliseconds in the first 48 bits.
fn first_key(at: Timestamp) -> Vec<u8> {
    const MOST: i64 = (1 << 48) - 1;
    let ms = at.micros().div_euclid(1_000).clamp(0, MOST);
    Uuid::from_u128(u128::from(ms.unsigned_abs()) << 80).into_bytes().to_vec()
}

fn entry_row(row: &Row) -> Result<EntryRow, Error> {
    let tokens = |column| row.int(column).map(|n| u64::try_from(n).unwrap_or(0));
    Ok(EntryRow {
        call_id: row.id_text("call_id")?,
        attempt: row.int("attempt")?,
        at: row.time("at")?,
        request_id: row.id_text("request_id")?,
        user: row.opt_id_text("user_id")?,
        client: row.opt_id_text("client_id")?,
        key: row.opt_id_text("key_id")?,
        group: row.opt_text("group_id")?,
        model: row.text("model")?,
        tool: row.opt_text("tool")?,
        connection: row.opt_id_text("connection_id")?,
        upstream: row.opt_text("upstream")?,
        state: EntryState::parse(&row.text("state")?)?,
        usage: Usage {
            input_tokens: tokens("input_tokens")?,
            cached_tokens: tokens("cached_tokens")?,
            cache_write_tokens: tokens("cache_write_tokens")?,
            output_tokens: tokens("output_tokens")?,
            reasoning_tokens: tokens("reasoning_tokens")?,
        },
        cost_nano: row.opt_int("cost_nano")?,
        charged_nano: row.int("charged_nano")?,
        charged_tokens: row.int("charged_tokens")?,
        charged_calls: row.int("charged_calls")?,
        hold_nano: row.int("hold_nano")?,
        hold_tokens: row.int("hold_tokens")?,
        excess: row.flag("excess")?,
        budget: row.opt_text("budget")?,
        released_at: row.opt_time("released_at")?,
    })
}

fn usage_row(row: &Row) -> Result<UsageRow, Error> {
    Ok(UsageRow {
        day: row.opt_int("day")?,
        model: row.opt_text("model")?,
        key: row.opt_id_text("key_id")?,
        user: row.opt_id_text("user_id")?,
        group: row.opt_text("group_id")?,
        client: row.opt_id_text("client_id")?,
        tool: row.opt_text("tool")?,
        connection: row.opt_id_text("connection_id")?,
        calls: row.int("calls")?,
        input_tokens: row.int("input_tokens")?,
        cached_tokens: row.int("cached_tokens")?,
        output_tokens: row.int("output_tokens")?,
        cost_nano: row.int("cost_nano")?,
        held_nano: 0,
        unpriced: row.int("unpriced")?,
        estimated: row.int("estimated")?,
        interrupted: row.int("interrupted")?,
    })
}
