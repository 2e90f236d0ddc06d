//! The ledger as a whole, memory and writer, against a real database: random calls, crashes, and
//! what
//! must be true whatever happens.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tollgate_kernel::{
    CallId, Charged, EntryKey, EntryState, Holder, LeapingClock, Period, RequestId, Rng, SeededRng,
    Slug, Tally, Timestamp, Unit, Usage, UserId, Window,
};
use tollgate_root::Root;
use tollgate_store::Target;
use tollgate_store::ledger::{AccountRef, Decision, EntryFilter, EntryRow, LedgerReader};
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
        let target = Target::Sqlite { data_dir: folder.to_owned() };
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(clock.now().micros().unsigned_abs()));
        let opened = tollgate_store::ledger::open(&Root::new(), target, clock.clone(), rng).await;
        let (reader, source) = opened.unwrap();
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
        model: "model".into(),
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

/// What really happened, as the provider and the callers know it.
#[derive(Default)]
struct Truth {
    legs: HashMap<EntryKey, Arc<[LegAsk]>>,
    /// What the provider counted, by account.
    metered: HashMap<AccountRef, i64>,
    /// Calls whose first byte reached the caller.
    delivered: HashSet<EntryKey>,
}

type Shared = Arc<Mutex<Truth>>;

/// A call with all the ways in which it may go.
async fn call(ledger: Arc<Ledger>, ask: Ask, dice: Arc<Dice>, truth: Shared, kept: Kept) {
    let (legs, hold) = (ask.legs.clone(), ask.hold);
    let mut key = ask.key;
    // Noted first: a call that the database lets in has its open record before it knows.
    truth.lock().unwrap().legs.insert(key, legs.clone());
    let Ok(mut charge) = ledger.reserve(ask).await else { return };
    let upstream = Slug::parse("up").unwrap();
    if dice.one_in(20) {
        return;
    }
    loop {
        if !charge.open(&upstream) && charge.durable().await.is_err() {
            return;
        }
        if dice.one_in(20) {
            return;
        }
        charge.sent();
        if !dice.one_in(8) {
            break;
        }
        charge.fail_attempt();
        key.attempt += 1;
        truth.lock().unwrap().legs.insert(key, legs.clone());
    }
    let used = 1 + dice.below(hold.tokens);
    for leg in legs.iter() {
        let used = self::tokens(used).of(leg.account.unit);
        *truth.lock().unwrap().metered.entry(leg.row.clone()).or_default() += used;
    }
    tokio::time::sleep(Duration::from_micros(dice.below(3_000).unsigned_abs())).await;
    if charge.durable().await.is_ok() {
        truth.lock().unwrap().delivered.insert(key);
    }
    match dice.below(10) {
        0 => drop(charge),
        1 => kept.lock().unwrap().push(charge),
        _ => charge.settle(settled(used)),
    }
}

/// Calls that are still open at the end of their node's life.
type Kept = Arc<Mutex<Vec<Charge>>>;

/// The accounts of the simulation.
fn accounts() -> Vec<LegAsk> {
    vec![
        account(user(1), Unit::Tokens, 20_000, 1),
        account(user(2), Unit::Tokens, 3_000, 1),
        account(Holder::Installation, Unit::Money, 400_000, 1),
        account(user(3), Unit::Calls, 150, 1),
    ]
}

/// Looks at the accounts as long as calls run.
async fn watch(reader: LedgerReader, over: Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        for leg in accounts() {
            let standing = reader.standing(&leg.row).await.unwrap();
            let sum = standing.spent + standing.leased;
            assert!(sum <= leg.limit, "{standing:?} of {}", leg.limit);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Some hundred calls at once, in a random order of random things.
async fn storm(node: &Node, first: u128, dice: &Arc<Dice>, truth: &Shared) -> Vec<Call> {
    let kept = Kept::default();
    let mut calls = Vec::new();
    for number in 0..120 {
        let mut legs = accounts();
        let unused = usize::try_from(dice.below(4)).unwrap();
        legs.remove(unused);
        let size = if dice.one_in(10) { 1_000 } else { 60 };
        let ask = ask(first + number, tokens(1 + dice.below(size)), legs);
        let call = call(node.ledger.clone(), ask, dice.clone(), truth.clone(), kept.clone());
        calls.push(tokio::spawn(call));
        if dice.one_in(4) {
            tokio::time::sleep(Duration::from_micros(dice.below(2_000).unsigned_abs())).await;
        }
    }
    calls
}

type Call = tokio::task::JoinHandle<()>;

/// Everything that must be true at rest.
async fn check(node: &Node, truth: &Truth) {
    let entries = node.entries().await;
    let key = |entry: &EntryRow| EntryKey {
        call: entry.call_id.parse().unwrap(),
        attempt: u16::try_from(entry.attempt).unwrap(),
    };
    let mut spent: HashMap<AccountRef, i64> = HashMap::new();
    let mut served = HashSet::new();
    for entry in &entries {
        if entry.state == EntryState::CrashReserve {
            let budget = entry.budget.as_deref().unwrap();
            let leg = accounts().into_iter().find(|leg| &*leg.row.budget == budget).unwrap();
            let amount = match leg.account.unit {
                Unit::Money => entry.charged_nano,
                Unit::Tokens => entry.charged_tokens,
                Unit::Calls => entry.charged_calls,
            };
            *spent.entry(leg.row).or_default() += amount;
            continue;
        }
        let key = key(entry);
        if entry.state != EntryState::Failed {
            assert!(served.insert(key.call), "two entries of one call: {entry:?}");
        }
        let calls = i64::from(entry.state != EntryState::Failed);
        assert_eq!(entry.charged_calls, calls, "{entry:?}");
        for leg in truth.legs[&key].iter() {
            let (money, tokens) = (entry.charged_nano, entry.charged_tokens);
            let charged = Charged { money, tokens, calls };
            *spent.entry(leg.row.clone()).or_default() += charged.of(leg.account.unit);
        }
    }
    for leg in accounts() {
        let standing = node.reader.standing(&leg.row).await.unwrap();
        let sum = spent.get(&leg.row).copied().unwrap_or(0);
        let metered = truth.metered.get(&leg.row).copied().unwrap_or(0);
        assert_eq!(standing.leased, 0, "at rest nothing is leased: {:?}", leg.row);
        assert!(standing.spent <= leg.limit, "{standing:?} of {}", leg.limit);
        assert!(metered <= standing.spent, "{metered} metered, {standing:?}: {:?}", leg.row);
        assert_eq!(sum, standing.spent, "{:?}", leg.row);
    }
    let has_entry: HashSet<EntryKey> = entries.iter().map(key).collect();
    let missing: Vec<_> = truth.delivered.difference(&has_entry).collect();
    assert!(missing.is_empty(), "delivered without an entry: {missing:?}");
}

async fn simulate(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let dice = Arc::new(Dice::new(seed));
    let truth = Shared::default();
    let mut node = Node::boot(folder.path()).await;
    let over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(node.reader.clone(), over.clone()));
    let (mut calls, mut dead) = (Vec::new(), Vec::new());
    for life in 0..5 {
        calls.extend(storm(&node, 1 + life * 1_000, &dice, &truth).await);
        // The next life begins while this one is in full swing and does not know that it is dead.
        let next = Node::boot(folder.path()).await;
        dead.push(std::mem::replace(&mut node, next));
    }
    for call in calls.drain(..) {
        call.await.unwrap();
    }
    // A life that knows what it is about, to its end.
    calls.extend(storm(&node, 9_000, &dice, &truth).await);
    for call in calls {
        call.await.unwrap();
    }
    node.thread.stop();
    drop(dead);
    over.store(true, Ordering::SeqCst);
    watching.await.unwrap();
    // Calls that were open when it ended are settled by the next start.
    let mut node = Node::boot(folder.path()).await;
    node.thread.stop();
    let truth = std::mem::take(&mut *truth.lock().unwrap());
    check(&node, &truth).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_books_are_right() {
    for seed in 0..12 {
        simulate(seed).await;
    }
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
                let _ = charge.open(&upstream);
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
        let _ = charge.open(&upstream);
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
            let _ = charge.open(&upstream);
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
        let _ = charge.open(&upstream);
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
    let _ = first.open(&upstream);
    first.durable().await.unwrap();
    first.sent();
    let mut waits = node.ledger.reserve(ask(2, tokens(10), vec![leg.clone()])).await.ok().unwrap();
    let mut late = node.ledger.reserve(ask(3, tokens(10), vec![leg.clone()])).await.ok().unwrap();

    let lock = lock(folder.path());
    let _ = waits.open(&upstream);
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
    assert!(!late.open(&upstream), "what was let in before is not sent any more");
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
