//! The ledger as a whole, memory and writer, against a real database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod simulation;

use std::path::Path;

use rusqlite::Connection;
use tollgate_kernel::{
    CallId, Called, Charged, EntryKey, EntryState, Holder, LeapingClock, Period, RequestId, Rng,
    SeededRng, Slug, Tally, Timestamp, Unit, Usage, UserId, Window,
};
use tollgate_root::Root;
use tollgate_store::Target;
use tollgate_store::ledger::{Decision, EntryFilter, EntryRow, LedgerReader};
use uuid::Uuid;

use super::*;

struct Dice(SeededRng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    fn below(&self, most: i64) -> i64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        i64::try_from(u64::from_le_bytes(bytes) % most.unsigned_abs()).unwrap()
    }

    fn one_in(&self, n: i64) -> bool {
        self.below(n) == 0
    }
}

/// One life of a node.
struct Node {
    ledger: Arc<Ledger>,
    thread: LedgerThread,
    reader: LedgerReader,
    recovered: Recovered,
    clock: Arc<LeapingClock>,
}

impl Node {
    /// Starts on this folder. An earlier life that still runs is declared dead by it.
    async fn boot(folder: &Path) -> Self {
        let clock = Arc::new(LeapingClock::new());
        let seed = clock.now().micros().unsigned_abs();
        let (reader, source) = open(folder, clock.clone(), seed).await;
        let (ledger, thread, recovered) = Ledger::start(source, clock.clone()).unwrap();
        Self { ledger, thread, reader, recovered, clock }
    }

    async fn entries(&self) -> Vec<EntryRow> {
        self.reader.entries(&EntryFilter::default(), 100_000).await.unwrap()
    }

    /// Sets the clock forward and wakes the writer, as time would.
    fn leap(&self, by: Duration) {
        self.clock.leap(by);
        self.ledger.wake.notify_all();
    }
}

/// The ledger's store in this folder.
async fn open(folder: &Path, clock: Arc<dyn Clock>, seed: u64) -> (LedgerReader, LedgerSource) {
    let target = Target::Sqlite { data_dir: folder.to_owned() };
    let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(seed));
    tollgate_store::ledger::open(&Root::new(), target, clock, rng).await.unwrap()
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..1_000 {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

fn account(holder: Holder, unit: Unit, limit: i64, policy: u64) -> LegAsk {
    let (start, end) = (Timestamp::from_secs(1), Timestamp::from_secs(4_000_000_000));
    let account = Account { holder, unit, period: Period::Month, window: Window { start, end } };
    let row = (&account).into();
    LegAsk { account: Arc::new(account), row, limit, policy }
}

fn user(n: u128) -> Holder {
    Holder::User(UserId::from_uuid(Uuid::from_u128(n)))
}

fn ask(number: u128, hold: Charged, mut legs: Vec<LegAsk>) -> Ask {
    legs.sort_by(|a, b| a.row.cmp(&b.row));
    Ask {
        key: EntryKey { call: CallId::from_uuid(Uuid::from_u128(number)), attempt: 1 },
        at: Timestamp::from_secs(1_000),
        request: RequestId::from_uuid(Uuid::from_u128(number)),
        user: None,
        client: None,
        api_key: None,
        group: None,
        called: Called::Model("model".into()),
        upstream: None,
        priced: true,
        hold,
        legs: legs.into(),
    }
}

fn tokens(tokens: i64) -> Charged {
    Charged { money: tokens * 7, tokens, calls: 1 }
}

fn settled(tokens: i64) -> Tally {
    let usage = Usage { output_tokens: tokens.unsigned_abs(), ..Usage::default() };
    let charged = self::tokens(tokens);
    let cost_nano = Some(charged.money);
    Tally { state: EntryState::Settled, usage, cost_nano, charged, excess: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_one_after_the_other_use_the_budget_until_less_than_a_hold_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::boot(folder.path()).await;
    let dice = Dice::new(3);
    let leg = account(user(1), Unit::Tokens, 10_007, 1);
    let mut charged = 0;
    let upstream = Slug::parse("up").unwrap();
    for number in 1.. {
        let hold = 1 + dice.below(300);
        let got = node.ledger.reserve(ask(number, tokens(hold), vec![leg.clone()])).await;
        match got {
            Ok(mut charge) => {
                let _ = charge.open(Some(&upstream));
                charge.sent();
                let used = 1 + dice.below(hold);
                charged += used;
                charge.settle(settled(used));
            }
            Err(Refused::By(Decision::Exhausted { left, .. })) => {
                assert_eq!(left, leg.limit - charged, "the refusal says what is left");
                assert!(left < hold, "{left} is left, and a hold of {hold} was refused");
                break;
            }
            Err(Refused::By(other)) => unreachable!("{other:?}"),
            Err(Refused::Unavailable(error)) => unreachable!("{error:?}"),
        }
    }
    node.thread.stop();
    let standing = node.reader.standing(&leg.row).await.unwrap();
    assert_eq!((standing.spent, standing.leased), (charged, 0));
}

/// All that a lease held is spent; then it is disarmed and given back. The row that says so must
/// not go before the node stops counting on it: the ledger would never write again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_spent_to_nothing_is_given_back_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::boot(folder.path()).await;
    let leg = account(user(1), Unit::Calls, 40, 1);
    let upstream = Slug::parse("up").unwrap();
    for number in 1..=40 {
        let got = node.ledger.reserve(ask(number, tokens(1), vec![leg.clone()])).await;
        let mut charge = got.ok().unwrap();
        let _ = charge.open(Some(&upstream));
        charge.sent();
        charge.settle(settled(1));
    }
    assert!(until(async || node.entries().await.len() == 40).await);
    let forgotten = async || {
        node.leap(Duration::from_secs(3));
        node.ledger.view(&leg.account).is_none()
    };
    assert!(until(forgotten).await, "it is forgotten");
    assert!(node.ledger.is_up().is_ok());
    let refused = node.ledger.reserve(ask(41, tokens(1), vec![leg.clone()])).await;
    assert!(matches!(refused, Err(Refused::By(Decision::Exhausted { left: 0, .. }))));
    let other = account(user(2), Unit::Calls, 40, 1);
    assert!(node.ledger.reserve(ask(42, tokens(1), vec![other])).await.is_ok());
}

/// A good end gives every lease back, however many there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_end_leaves_nothing_to_recover() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::boot(folder.path()).await;
    let upstream = Slug::parse("up").unwrap();
    let calls = (1..=1_300_u128).map(|number| {
        let (ledger, upstream) = (node.ledger.clone(), upstream.clone());
        tokio::spawn(async move {
            let leg = account(user(number), Unit::Tokens, 10_000, 1);
            let got = ledger.reserve(ask(number, tokens(10), vec![leg])).await;
            let mut charge = got.ok().unwrap();
            let _ = charge.open(Some(&upstream));
            charge.sent();
            charge.settle(settled(5));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    node.thread.stop();
    let next = Node::boot(folder.path()).await;
    assert_eq!(next.recovered, Recovered::default());
    assert_eq!(next.entries().await.len(), 1_300);
}

/// What a crash leaves: calls in flight are charged their hold, and what may be hidden is reserved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_charges_what_was_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::boot(folder.path()).await;
    let leg = account(user(1), Unit::Tokens, 100_000, 1);
    let upstream = Slug::parse("up").unwrap();
    let mut open = Vec::new();
    for number in 1..=5 {
        let got = node.ledger.reserve(ask(number, tokens(100), vec![leg.clone()])).await;
        let mut charge = got.ok().unwrap();
        let _ = charge.open(Some(&upstream));
        charge.sent();
        charge.durable().await.unwrap();
        open.push(charge);
    }
    open.pop().unwrap().settle(settled(30));
    assert!(until(async || node.entries().await.len() == 1).await);
    let mut next = Node::boot(folder.path()).await;
    assert_eq!(next.recovered.interrupted, 4);
    let entries = next.entries().await;
    let interrupted = entries.iter().filter(|entry| entry.state == EntryState::Interrupted);
    assert!(interrupted.clone().all(|entry| entry.charged_tokens == 100));
    assert_eq!(interrupted.count(), 4);
    let reserve: i64 = entries
        .iter()
        .filter(|entry| entry.state == EntryState::CrashReserve)
        .map(|entry| entry.charged_tokens)
        .sum();
    next.thread.stop();
    let standing = next.reader.standing(&leg.row).await.unwrap();
    assert_eq!((standing.spent, standing.leased), (30 + 400 + reserve, 0));
    // The dead node may settle what it likes: its entries are not taken.
    drop(open);
    drop(node);
    assert_eq!(next.entries().await.len(), entries.len());
}

/// A disk that stalls: the commit goes on, and meanwhile calls are refused instead of waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_while_a_commit_stalls_calls_are_refused_and_then_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::boot(folder.path()).await;
    let leg = account(user(1), Unit::Tokens, 100_000, 1);
    let upstream = Slug::parse("up").unwrap();
    let mut first = node.ledger.reserve(ask(1, tokens(10), vec![leg.clone()])).await.ok().unwrap();
    let _ = first.open(Some(&upstream));
    first.durable().await.unwrap();
    first.sent();
    let mut waits = node.ledger.reserve(ask(2, tokens(10), vec![leg.clone()])).await.ok().unwrap();
    let mut late = node.ledger.reserve(ask(3, tokens(10), vec![leg.clone()])).await.ok().unwrap();

    let lock = lock(folder.path());
    let _ = waits.open(Some(&upstream));
    let commits = || {
        let memory = node.ledger.lock();
        memory.committing.is_some() && memory.opens.is_empty()
    };
    assert!(until(async || commits()).await, "its commit is under way");
    assert!(node.ledger.is_up().is_ok());
    node.leap(STALLED);
    assert!(node.ledger.is_up().is_err());
    assert!(!node.ledger.figures().up);
    let refused = node.ledger.reserve(ask(4, tokens(10), vec![leg.clone()])).await;
    assert!(matches!(refused, Err(Refused::Unavailable(_))), "although memory would cover it");
    assert!(!late.open(Some(&upstream)), "what was let in before is not sent any more");
    assert!(late.durable().await.is_err());
    drop(late);

    lock.execute_batch("ROLLBACK").unwrap();
    waits.durable().await.unwrap();
    waits.sent();
    assert!(until(async || node.ledger.is_up().is_ok()).await);
    assert!(node.ledger.figures().up);
    first.settle(settled(5));
    waits.settle(settled(5));
    assert!(until(async || node.entries().await.len() == 2).await);
    assert!(node.ledger.reserve(ask(5, tokens(10), vec![leg])).await.is_ok());
}

/// The write lock of the ledger, in the hands of another connection.
fn lock(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("ledger.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}
