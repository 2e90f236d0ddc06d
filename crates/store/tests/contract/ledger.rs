use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use tollgate_kernel::{
    CallId, Called, Charged, Clock as _, EntryKey, EntryState, Error, RequestId, SeededRng, Tally,
    Timestamp, Usage, UserId,
};
use tollgate_root::Root;
use tollgate_store::Target;
use tollgate_store::ledger::{
    Batch, Committed, EntryFilter, EntryRow, Fold, LedgerReader, Opened, Settlement, UsageRow,
    UsageSplit, open,
};
use uuid::Uuid;

use super::{Bench, Outcome};

#[path = "../../src/ledger/queries.rs"]
mod queries;

/// So many calls, one a minute.
const CALLS: u64 = 3_000;
const STEP: Duration = Duration::from_secs(60);

/// What the arguments of the queries are: moments and numbers, ids in bytes, or texts.
const ENTRIES: &str = "nn bbb tt t bbb n tt nnnn bb tb";
const USAGE: &str = "nn bbb tt nnnnnn bb nn tb";

fn fold(call: CallId, at: Timestamp, user: UserId) -> Fold {
    let key = EntryKey { call, attempt: 1 };
    let charged = Charged { money: 7, tokens: 3, calls: 1 };
    let opened = Opened {
        key,
        at,
        request: RequestId::from_uuid(call.uuid()),
        user: Some(user),
        client: None,
        api_key: None,
        group: None,
        called: Called::Model("model".into()),
        upstream: None,
        priced: true,
        hold: charged,
        legs: Vec::new(),
    };
    let usage = Usage { output_tokens: 3, ..Usage::default() };
    let tally =
        Tally { state: EntryState::Settled, usage, cost_nano: Some(7), charged, excess: false };
    let settlement = Settlement { key, tally, charges: Vec::new() };
    Fold { opened: Arc::new(opened), settlement: Arc::new(settlement) }
}

async fn fill(bench: &Bench) -> Outcome<LedgerReader> {
    let rng: Arc<dyn tollgate_kernel::Rng> = Arc::new(SeededRng::new(11));
    let clock = Arc::clone(&bench.clock);
    let opened = open(&Root::new(), bench.target.clone(), clock.clone(), rng.clone()).await?;
    let (reader, source) = opened;
    let (mut store, _) = source.open().await?;
    let users = [1, 2].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
    let folds = (0..CALLS).zip(users.iter().cycle()).map(|(number, user)| {
        clock.advance(STEP);
        // The clock goes on between an id and its moment, and may be set: both ways.
        let apart = Duration::from_millis(20_000 * (number % 3));
        let call = CallId::new(&*clock, &*rng);
        let at = match number % 2 {
            0 => clock.now().plus(apart),
            _ => clock.now().minus(apart),
        };
        fold(call, at, *user)
    });
    let batch = Batch { folds: folds.collect(), ..Batch::default() };
    assert!(matches!(store.commit(&batch).await?, Committed::Done(_)));
    Ok(reader)
}

pub(crate) async fn entries_of_a_time_are_found_by_their_keys(bench: &Bench) -> Outcome<()> {
    let start = bench.clock.now();
    let reader = fill(bench).await?;
    let all = reader.entries(&EntryFilter::default(), 100_000).await?;
    assert_eq!(u64::try_from(all.len()).ok(), Some(CALLS));
    let user = all.first().and_then(|entry| entry.user.clone());

    let at = |minutes: u64| Some(start.plus(Duration::from_secs(60 * minutes)));
    let exactly = |entry: Option<&EntryRow>| entry.map(|entry| entry.at);
    let spans = [
        (None, None),
        (at(100), at(130)),
        (at(100), None),
        (None, at(100)),
        (at(1_000), at(1_001)),
        (at(5_000), at(6_000)),
        (exactly(all.get(700)), exactly(all.get(600))),
        (exactly(all.get(701)), exactly(all.get(601))),
        (exactly(all.get(702)), exactly(all.get(602))),
        (Some(Timestamp::from_micros(i64::MIN)), Some(Timestamp::from_micros(i64::MAX))),
    ];
    for (from, to) in spans {
        for user in [None, user.clone()] {
            let meant = |entry: &&EntryRow| {
                from.is_none_or(|from| entry.at >= from)
                    && to.is_none_or(|to| entry.at < to)
                    && (user.is_none() || entry.user == user)
            };
            let expected: Vec<EntryRow> = all.iter().filter(meant).cloned().collect();
            let filter = EntryFilter { from, to, user: user.clone(), ..EntryFilter::default() };
            assert!(reader.entries(&filter, 100_000).await? == expected, "{from:?} to {to:?}");
            let sums = reader.usage(&filter, UsageSplit::default()).await?;
            let calls: i64 = sums.iter().map(|sum: &UsageRow| sum.calls).sum();
            assert_eq!(usize::try_from(calls).ok(), Some(expected.len()), "{from:?} to {to:?}");
        }
    }
    for (sql, arguments) in [(queries::ENTRIES, ENTRIES), (queries::USAGE, USAGE)] {
        let plan = plan(bench, sql, arguments).await?;
        assert!(is_a_search(bench, &plan), "the whole ledger is read:\n{plan}");
    }
    reader.close().await;
    Ok(())
}

/// Calls of models, of tools and through connections, also when the server stops in the middle.
pub(crate) async fn calls_of_tools_have_entries_of_their_own(bench: &Bench) -> Outcome<()> {
    let rng: Arc<dyn tollgate_kernel::Rng> = Arc::new(SeededRng::new(12));
    let clock = Arc::clone(&bench.clock);
    let todo = tollgate_kernel::Slug::parse("todo")?;
    let link = tollgate_kernel::ConnectionId::from_uuid(Uuid::from_u128(77));
    let opened = open(&Root::new(), bench.target.clone(), clock.clone(), rng.clone()).await?;
    let (_, source) = opened;
    let (mut store, _) = source.open().await?;
    let user = UserId::from_uuid(Uuid::from_u128(1));
    let mut batch = Batch::default();
    for called in [Called::Model("m".into()), Called::Tool(todo.clone()), Called::Connection(link)]
    {
        for settles in [true, false] {
            let mut fold = fold(CallId::new(&*clock, &*rng), clock.now(), user);
            let opened = Opened { called: called.clone(), ..Opened::clone(&fold.opened) };
            fold.opened = Arc::new(opened);
            clock.advance(STEP);
            if settles {
                batch.folds.push(fold);
            } else {
                batch.records.push(tollgate_store::ledger::Record::Open(fold.opened));
            }
        }
    }
    assert!(matches!(store.commit(&batch).await?, Committed::Done(_)));
    drop(store);
    let opened = open(&Root::new(), bench.target.clone(), clock.clone(), rng).await?;
    let (reader, source) = opened;
    let (_store, recovered) = source.open().await?;
    assert_eq!(recovered.interrupted, 3);
    let link = link.to_string();
    let of = async |filter: EntryFilter| -> Outcome<Vec<_>> {
        let rows = reader.entries(&filter, 9).await?;
        Ok(rows.into_iter().map(|it| (it.model, it.tool, it.connection, it.state)).collect())
    };
    let (first, second) = (EntryState::Interrupted, EntryState::Settled);
    let tool = Some("todo".to_owned());
    let of_tool = |state| (String::new(), tool.clone(), None, state);
    let filter = EntryFilter { tool: tool.clone(), ..EntryFilter::default() };
    assert_eq!(of(filter.clone()).await?, [of_tool(first), of_tool(second)]);
    let of_link = |state| (String::new(), None, Some(link.clone()), state);
    let by_link = EntryFilter { connection: Some(link.clone()), ..EntryFilter::default() };
    assert_eq!(of(by_link.clone()).await?, [of_link(first), of_link(second)]);
    let split = UsageSplit { model: true, tool: true, connection: true, ..UsageSplit::default() };
    let sums = async |filter: EntryFilter| -> Outcome<Vec<_>> {
        let rows = reader.usage(&filter, split).await?;
        Ok(rows.into_iter().map(|it| (it.model, it.tool, it.connection, it.calls)).collect())
    };
    assert_eq!(sums(filter).await?, [(Some(String::new()), tool, None, 2)]);
    assert_eq!(sums(by_link).await?, [(Some(String::new()), None, Some(link), 2)]);
    assert_eq!(sums(EntryFilter::default()).await?.len(), 3);
    reader.close().await;
    Ok(())
}

pub(crate) async fn an_id_is_found_as_it_is_written(bench: &Bench) -> Outcome<()> {
    let reader = fill(bench).await?;
    let of_user = async |user: &str| {
        let filter = EntryFilter { user: Some(user.to_owned()), ..EntryFilter::default() };
        reader.entries(&filter, 100_000).await.map(|entries| entries.len())
    };
    assert_eq!(of_user("00000000-0000-0000-0000-000000000001").await?, 1_500);
    assert_eq!(of_user("00000000-0000-0000-0000-00000000000a").await?, 0);
    for text in ["", "1", "00000000000000000000000000000001", "somebody"] {
        assert_eq!(of_user(text).await?, 0, "{text:?}");
    }
    reader.close().await;
    Ok(())
}

pub(crate) async fn entries_from_before_keep_their_ids(bench: &Bench) -> Outcome<()> {
    let rng: Arc<dyn tollgate_kernel::Rng> = Arc::new(SeededRng::new(11));
    let root = Root::new();
    let open = || open(&root, bench.target.clone(), bench.clock.clone(), rng.clone());
    open().await?.0.close().await;
    for sql in [
        "DROP TABLE entry",
        "DELETE FROM ledger_migration WHERE version > 4",
        "CREATE TABLE entry (call_id TEXT NOT NULL, attempt BIGINT NOT NULL, at BIGINT NOT NULL,
            request_id TEXT NOT NULL, user_id TEXT, client_id TEXT, key_id TEXT, group_id TEXT,
            model TEXT NOT NULL, upstream TEXT, state TEXT NOT NULL, input_tokens BIGINT NOT NULL,
            cached_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL,
            output_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL, cost_nano BIGINT,
            charged_nano BIGINT NOT NULL, charged_tokens BIGINT NOT NULL, hold_nano BIGINT NOT NULL,
            hold_tokens BIGINT NOT NULL, excess BIGINT NOT NULL, budget TEXT,
            charged_calls BIGINT NOT NULL DEFAULT 0, window_start BIGINT, released_at BIGINT,
            PRIMARY KEY (call_id, attempt))",
        "INSERT INTO entry VALUES ('0193aaaa-0000-7000-8000-0000000000ff', 2, 1, \
            '0193aaaa-0000-7000-8000-0000000000fe', NULL, NULL, \
            '0193aaaa-0000-7000-8000-0000000000fd', 'g', 'm', 'u', 'settled', \
            10, 2, 3, 4, 5, 6, 7, 8, 9, 11, 1, 'b', 12, 13, 14)",
    ] {
        raw(bench, sql).await?;
    }
    let (reader, _) = open().await?;
    let entries = reader.entries(&EntryFilter::default(), 10).await?;
    let expected = EntryRow {
        call_id: "0193aaaa-0000-7000-8000-0000000000ff".to_owned(),
        attempt: 2,
        at: Timestamp::from_micros(1),
        request_id: "0193aaaa-0000-7000-8000-0000000000fe".to_owned(),
        user: None,
        client: None,
        key: Some("0193aaaa-0000-7000-8000-0000000000fd".to_owned()),
        group: Some("g".to_owned()),
        model: "m".to_owned(),
        tool: None,
        connection: None,
        upstream: Some("u".to_owned()),
        state: EntryState::Settled,
        usage: Usage {
            input_tokens: 10,
            cached_tokens: 2,
            cache_write_tokens: 3,
            output_tokens: 4,
            reasoning_tokens: 5,
        },
        cost_nano: Some(6),
        charged_nano: 7,
        charged_tokens: 8,
        charged_calls: 12,
        hold_nano: 9,
        hold_tokens: 11,
        excess: true,
        budget: Some("b".to_owned()),
        released_at: Some(Timestamp::from_micros(14)),
    };
    assert_eq!(entries, [expected]);
    reader.close().await;
    Ok(())
}

/// Runs a statement on the ledger behind its back.
async fn raw(bench: &Bench, sql: &str) -> Outcome<()> {
    let Target::Sqlite { data_dir } = &bench.target else { return bench.raw(sql).await };
    let url = format!("sqlite://{}", data_dir.join("ledger.db").display());
    let mut db = SqliteConnection::connect(&url).await.map_err(Error::internal)?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.map_err(Error::internal)?;
    db.close().await.map_err(Error::internal)
}

/// Whether the ledger is searched by its key. What is searched besides are the later attempts at a
/// call.
fn is_a_search(bench: &Bench, plan: &str) -> bool {
    match &bench.target {
        Target::Sqlite { .. } => {
            plan.contains("SEARCH entry USING PRIMARY KEY (call_id>? AND call_id<?)")
        }
        Target::Postgres { .. } => {
            plan.contains("Index Cond: ((call_id >= ") && !plan.contains("Seq Scan")
        }
    }
}

/// How the database would answer, whatever the arguments are.
async fn plan(bench: &Bench, sql: &str, arguments: &str) -> Outcome<String> {
    let lines: Vec<String> = match &bench.target {
        Target::Sqlite { data_dir } => {
            let url = format!("sqlite://{}", data_dir.join("ledger.db").display());
            let mut db = SqliteConnection::connect(&url).await.map_err(Error::internal)?;
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut db)
                .await
                .map_err(Error::internal)?;
            rows.iter().map(|row| row.get("detail")).collect()
        }
        Target::Postgres { url } => {
            let mut db = PgConnection::connect(url).await.map_err(Error::internal)?;
            let kinds = arguments.bytes().filter_map(|kind| match kind {
                b'n' => Some("BIGINT"),
                b'b' => Some("BYTEA"),
                b't' => Some("TEXT"),
                _ => None,
            });
            let kinds: Vec<&str> = kinds.collect();
            let nulls = vec!["NULL"; kinds.len()].join(", ");
            let prepare = format!(
                "ANALYZE entry; SET plan_cache_mode = force_generic_plan; \
                 PREPARE asked ({}) AS {sql}",
                kinds.join(", ")
            );
            sqlx::raw_sql(AssertSqlSafe(prepare))
                .execute(&mut db)
                .await
                .map_err(Error::internal)?;
            let explain = format!("EXPLAIN EXECUTE asked ({nulls})");
            let rows = sqlx::raw_sql(AssertSqlSafe(explain))
                .fetch_all(&mut db)
                .await
                .map_err(Error::internal)?;
            rows.iter().map(|row| row.get(0)).collect()
        }
    };
    Ok(lines.join("\n"))
}
