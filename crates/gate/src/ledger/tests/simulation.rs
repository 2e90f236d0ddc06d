//! Random calls of people with keys and shared pools, hang-ups, failed attempts, crashes and clocks
//! that jump, against a small model of the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::tz::TimeZone;
use tollgate_kernel::KeyId;
use tollgate_store::ledger::AccountRef;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// A machine's clocks as they are where the machine sleeps, and where somebody sets the time.
#[derive(Default)]
struct JumpingClock {
    machine: LeapingClock,
    /// How far the wall clock was set forward, or back.
    set_us: AtomicI64,
}

impl JumpingClock {
    fn jump(&self, dice: &Dice) {
        let hours = |most| HOUR * u32::try_from(1 + dice.below(most)).unwrap();
        let set = |by: Duration, sign: i64| {
            let us = sign * i64::try_from(by.as_micros()).unwrap();
            self.set_us.fetch_add(us, Ordering::SeqCst);
        };
        match dice.below(8) {
            0..=2 => self.machine.leap(hours(100) / 36_000),
            // Commits stall, cold leases are disarmed, idle ones given back.
            3 => self.machine.leap(Duration::from_secs(3)),
            4 => self.machine.leap(Duration::from_secs(31)),
            5 => self.machine.leap(hours(30)),
            6 => set(hours(30), 1),
            _ => set(hours(50), -1),
        }
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let set_us = self.set_us.load(Ordering::SeqCst);
        Timestamp::from_micros(self.machine.now().micros() + set_us)
    }

    fn elapsed(&self) -> Duration {
        self.machine.elapsed()
    }
}

/// Who calls, and by which key: two keys of each of four people, of whom three share two pools.
#[derive(Clone, Copy)]
struct Caller {
    user: u128,
    key: u128,
}

impl Caller {
    const PEOPLE: u128 = 4;

    fn any(dice: &Dice) -> Self {
        let below = |most| u128::try_from(dice.below(most)).unwrap();
        let user = below(4);
        Self { user, key: 10 * user + below(2) }
    }

    fn user(self) -> UserId {
        UserId::from_uuid(Uuid::from_u128(self.user))
    }

    fn key(self) -> KeyId {
        KeyId::from_uuid(Uuid::from_u128(self.key))
    }

    fn group(self) -> Option<Slug> {
        [Some("red"), Some("red"), Some("blue"), None][usize::try_from(self.user).unwrap()]
            .map(|group| Slug::parse(group).unwrap())
    }
}

/// Limits in all scopes.
struct Budgets(Vec<(Holder, Unit, Period, i64)>);

impl Budgets {
    fn any(dice: &Dice) -> Self {
        let mut all = Vec::new();
        let mut add = |holder: Holder, unit, period, least: i64| {
            // One of eight has none.
            if !dice.one_in(8) {
                all.push((holder, unit, period, least + dice.below(4 * least)));
            }
        };
        for user in 0..Caller::PEOPLE {
            let caller = Caller { user, key: 10 * user };
            add(Holder::User(caller.user()), Unit::Tokens, Period::Month, 1_500);
            add(Holder::User(caller.user()), Unit::Calls, Period::Day, 12);
            for key in [10 * user, 10 * user + 1] {
                add(Holder::Key(Caller { user, key }.key()), Unit::Tokens, Period::Day, 400);
            }
        }
        for group in ["red", "blue"] {
            add(Holder::Group(Slug::parse(group).unwrap()), Unit::Money, Period::Week, 15_000);
        }
        add(Holder::Model("small".to_owned()), Unit::Calls, Period::Month, 80);
        add(Holder::Installation, Unit::Money, Period::Month, 60_000);
        add(Holder::Installation, Unit::Tokens, Period::Day, 3_000);
        Self(all)
    }

    /// What counts for a call at this time.
    fn legs(&self, caller: Caller, model: &str, at: Timestamp) -> Vec<LegAsk> {
        let counts = |holder: &Holder| match holder {
            Holder::User(user) => *user == caller.user(),
            Holder::Key(key) => *key == caller.key(),
            Holder::Group(group) => caller.group().as_ref() == Some(group),
            Holder::Model(counted) => counted == model,
            _ => true,
        };
        let legs = self.0.iter().filter(|(holder, ..)| counts(holder));
        let leg = |(holder, unit, period, limit): &(Holder, Unit, Period, i64)| {
            let window = Window::containing(at, *period, &TimeZone::UTC).unwrap();
            let account = Account { holder: holder.clone(), unit: *unit, period: *period, window };
            let row = (&account).into();
            LegAsk { account: Arc::new(account), row, limit: *limit, policy: 1 }
        };
        legs.map(leg).collect()
    }
}

/// What really happened, as the provider and the callers know it.
#[derive(Default)]
struct Truth {
    /// All accounts that calls asked for.
    accounts: HashMap<AccountRef, LegAsk>,
    /// All calls that may have got in.
    asked: HashMap<EntryKey, Ask>,
    /// What the provider counted, by account.
    metered: HashMap<AccountRef, i64>,
    /// Calls whose first byte reached the caller.
    delivered: HashSet<EntryKey>,
    seen: BTreeSet<String>,
}

impl Truth {
    fn asks(&mut self, key: EntryKey, ask: &Ask) {
        self.asked.insert(key, ask.clone());
        for leg in ask.legs.iter() {
            self.accounts.insert(leg.row.clone(), leg.clone());
        }
    }

    fn sees(&mut self, what: impl Into<String>) {
        self.seen.insert(what.into());
    }
}

/// What all seeds together must have come by: else they simulate less than they say.
const EVENTS: [&str; 14] = [
    "settled",
    "estimated",
    "interrupted",
    "crash_reserve",
    "failed",
    "exhausted",
    "unavailable",
    "six accounts at once",
    "a user's account with two keys",
    "a group's account with two users",
    "a model's account with two users",
    "an installation's account with two users",
    "two windows of a budget",
    "a wall clock that went back",
];

type Shared = Arc<Mutex<Truth>>;

/// Calls that are still open at the end of their node's life.
type Kept = Arc<Mutex<Vec<Charge>>>;

type Running = tokio::task::JoinHandle<()>;

/// A small world with its dice.
#[derive(Clone)]
struct World {
    dice: Arc<Dice>,
    clock: Arc<JumpingClock>,
    budgets: Arc<Budgets>,
    /// The provider spends all that is held, so that nothing makes up for a call that is lost.
    greedy: bool,
    truth: Shared,
}

impl World {
    fn new(seed: u64) -> Self {
        let dice = Arc::new(Dice::new(seed));
        let budgets = Arc::new(Budgets::any(&dice));
        let greedy = dice.one_in(2);
        Self { dice, clock: Arc::default(), budgets, greedy, truth: Shared::default() }
    }

    /// One more life of the node. An earlier one that still runs is declared dead by it.
    async fn boot(&self, folder: &Path) -> Life {
        let seed = self.dice.below(i64::MAX).unsigned_abs();
        let (reader, source) = open(folder, self.clock.clone(), seed).await;
        let (ledger, thread, _) = Ledger::start(source, self.clock.clone()).unwrap();
        Life { ledger, thread, reader }
    }

    /// What somebody asks now.
    fn ask(&self, number: u128) -> Ask {
        let dice = &self.dice;
        let (caller, at) = (Caller::any(dice), self.clock.now());
        let model = if dice.one_in(2) { "small" } else { "large" };
        let size = if dice.one_in(10) { 1_000 } else { 60 };
        let hold = tokens(1 + dice.below(size));
        let mut ask = ask(number, hold, self.budgets.legs(caller, model, at));
        (ask.at, ask.called) = (at, Called::Model(model.into()));
        (ask.user, ask.api_key) = (Some(caller.user()), Some(caller.key()));
        ask.group = caller.group();
        ask
    }

    /// Some hundred calls at once, in a random order of random things.
    async fn storm(&self, life: &Life, first: u128) -> Vec<Running> {
        let kept = Kept::default();
        let mut calls = Vec::new();
        for number in 0..120 {
            let ask = self.ask(first + number);
            let call = self.clone().call(life.ledger.clone(), ask, kept.clone());
            calls.push(tokio::spawn(call));
            if self.dice.one_in(4) {
                let pause = Duration::from_micros(self.dice.below(2_000).unsigned_abs());
                tokio::time::sleep(pause).await;
            }
            if self.dice.one_in(12) {
                self.clock.jump(&self.dice);
                life.ledger.wake.notify_all();
            }
        }
        calls
    }

    /// A call with all the ways in which it may go.
    async fn call(self, ledger: Arc<Ledger>, ask: Ask, kept: Kept) {
        let (dice, noted) = (&self.dice, ask.clone());
        let mut key = ask.key;
        // Noted first: a call that the database lets in has its open record before it knows.
        self.truth.lock().unwrap().asks(key, &noted);
        let mut charge = match ledger.reserve(ask).await {
            Ok(charge) => charge,
            Err(refused) => return self.refused(&noted, &refused),
        };
        let upstream = Slug::parse("up").unwrap();
        if dice.one_in(20) {
            return;
        }
        loop {
            if !charge.open(Some(&upstream)) && charge.durable().await.is_err() {
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
            self.truth.lock().unwrap().asks(key, &noted);
        }
        let most = noted.hold.tokens;
        let used = if self.greedy { most } else { 1 + dice.below(most) };
        for leg in noted.legs.iter() {
            let used = tokens(used).of(leg.account.unit);
            let mut truth = self.truth.lock().unwrap();
            *truth.metered.entry(leg.row.clone()).or_default() += used;
        }
        tokio::time::sleep(Duration::from_micros(dice.below(3_000).unsigned_abs())).await;
        if charge.durable().await.is_ok() {
            self.truth.lock().unwrap().delivered.insert(key);
        }
        match dice.below(10) {
            0 => drop(charge),
            1 => kept.lock().unwrap().push(charge),
            _ => charge.settle(settled(used)),
        }
    }

    /// A refusal for an empty budget is true.
    fn refused(&self, ask: &Ask, refused: &Refused) {
        let mut truth = self.truth.lock().unwrap();
        let (leg, left) = match refused {
            Refused::By(Decision::Exhausted { leg, left }) => {
                truth.sees("exhausted");
                (leg, left)
            }
            Refused::By(Decision::InUse { leg, left }) => (leg, left),
            Refused::By(Decision::Granted { .. }) => unreachable!("a refusal that grants"),
            Refused::Unavailable(_) => return truth.sees("unavailable"),
        };
        let hold = ask.hold.of(ask.legs[*leg].account.unit);
        assert!(*left < hold, "{left} is left, and a hold of {hold} was refused");
    }
}

/// One life of the node.
struct Life {
    ledger: Arc<Ledger>,
    thread: LedgerThread,
    reader: LedgerReader,
}

/// Looks at all accounts as long as calls run.
async fn watch(reader: LedgerReader, truth: Shared, over: Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        let accounts: Vec<LegAsk> = truth.lock().unwrap().accounts.values().cloned().collect();
        for leg in accounts {
            let standing = reader.standing(&leg.row).await.unwrap();
            let sum = standing.spent + standing.leased;
            assert!(sum <= leg.limit, "{:?}: {standing:?} of {}", leg.row, leg.limit);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether `entry` counts in an account, by what the entry itself says.
fn counts(entry: &EntryRow, account: &Account) -> bool {
    let Window { start, end } = account.window;
    let is = |told: &Option<String>, id: String| told.as_ref() == Some(&id);
    let theirs = match &account.holder {
        Holder::User(user) => is(&entry.user, user.to_string()),
        Holder::Key(key) => is(&entry.key, key.to_string()),
        Holder::Group(group) => is(&entry.group, group.to_string()),
        Holder::Model(model) => entry.model == *model,
        _ => true,
    };
    theirs && start <= entry.at && entry.at < end
}

fn charged(entry: &EntryRow, unit: Unit) -> i64 {
    match unit {
        Unit::Money => entry.charged_nano,
        Unit::Tokens => entry.charged_tokens,
        Unit::Calls => entry.charged_calls,
    }
}

/// Everything that must be true at rest.
async fn check(reader: &LedgerReader, truth: &mut Truth) {
    let entries = reader.entries(&EntryFilter::default(), 100_000).await.unwrap();
    let (reserves, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.state == EntryState::CrashReserve);
    check_entries(&entries, truth);
    // A crash reserve names its budget, but not the window.
    let mut unexplained: BTreeMap<String, i64> = BTreeMap::new();
    for leg in truth.accounts.values() {
        let (row, unit) = (&leg.row, leg.account.unit);
        let standing = reader.standing(row).await.unwrap();
        let metered = truth.metered.get(row).copied().unwrap_or(0);
        let theirs = entries.iter().filter(|entry| counts(entry, &leg.account));
        let sum: i64 = theirs.map(|entry| charged(entry, unit)).sum();
        assert_eq!(standing.leased, 0, "at rest nothing is leased: {row:?}");
        assert!(standing.spent <= leg.limit, "{row:?}: {standing:?} of {}", leg.limit);
        assert!(metered <= standing.spent, "{metered} metered, {standing:?}: {row:?}");
        assert!(sum <= standing.spent, "entries of {sum}, {standing:?}: {row:?}");
        *unexplained.entry(row.budget.to_string()).or_default() += standing.spent - sum;
    }
    for reserve in &reserves {
        let budget = reserve.budget.clone().unwrap();
        let (_, unit, _) = Account::parse_budget(&budget).unwrap();
        *unexplained.entry(budget).or_default() -= charged(reserve, unit);
        truth.sees(reserve.state.as_str());
    }
    unexplained.retain(|_, amount| *amount != 0);
    assert!(unexplained.is_empty(), "charged and in no entry: {unexplained:?}");
    note_events(&entries, truth);
}

/// Each entry is of a call that was made, by whom it says, and no call has two.
fn check_entries(entries: &[EntryRow], truth: &Truth) {
    let key = |entry: &EntryRow| EntryKey {
        call: entry.call_id.parse().unwrap(),
        attempt: u16::try_from(entry.attempt).unwrap(),
    };
    let mut served = HashSet::new();
    for entry in entries {
        let key = key(entry);
        let is_failed = entry.state == EntryState::Failed;
        assert!(is_failed || served.insert(key.call), "two entries of one call: {entry:?}");
        assert_eq!(entry.charged_calls, i64::from(!is_failed), "{entry:?}");
        let ask = &truth.asked[&key];
        assert_eq!(entry.user, ask.user.map(|user| user.to_string()), "{entry:?}");
        assert_eq!(entry.key, ask.api_key.map(|key| key.to_string()), "{entry:?}");
        assert_eq!(entry.group, ask.group.as_ref().map(Slug::to_string), "{entry:?}");
        assert_eq!((&*entry.model, entry.at), (ask.called.model(), ask.at), "{entry:?}");
    }
    let has_entry: HashSet<EntryKey> = entries.iter().map(key).collect();
    let missing: Vec<_> = truth.delivered.difference(&has_entry).collect();
    assert!(missing.is_empty(), "delivered without an entry: {missing:?}");
}

/// What this seed came by.
fn note_events(entries: &[EntryRow], truth: &mut Truth) {
    let mut windows: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for leg in truth.accounts.values() {
        let charged = entries
            .iter()
            .filter(|entry| entry.state != EntryState::Failed && counts(entry, &leg.account));
        let (mut users, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for entry in charged {
            users.insert(&entry.user);
            keys.insert(&entry.key);
            windows.entry(&leg.row.budget).or_default().insert(leg.row.start_us);
        }
        let shared = match &leg.account.holder {
            Holder::User(_) if keys.len() > 1 => "a user's account with two keys",
            Holder::Group(_) if users.len() > 1 => "a group's account with two users",
            Holder::Model(_) if users.len() > 1 => "a model's account with two users",
            Holder::Installation if users.len() > 1 => "an installation's account with two users",
            _ => continue,
        };
        seen.insert(shared.to_owned());
    }
    if windows.values().any(|windows| windows.len() > 1) {
        seen.insert("two windows of a budget".to_owned());
    }
    seen.extend(entries.iter().map(|entry| entry.state.as_str().to_owned()));
    if truth.asked.values().any(|ask| ask.legs.len() >= 6) {
        seen.insert("six accounts at once".to_owned());
    }
    let mut calls: Vec<_> = truth.asked.iter().map(|(key, ask)| (key.call, ask.at)).collect();
    calls.sort();
    if calls.windows(2).any(|two| two[1].1 < two[0].1) {
        seen.insert("a wall clock that went back".to_owned());
    }
    truth.seen.extend(seen);
}

/// Five lives that end in full swing and one that ends in good order.
async fn simulate(seed: u64) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(seed);
    let mut life = world.boot(folder.path()).await;
    let over = Arc::new(AtomicBool::new(false));
    let watching = watch(life.reader.clone(), world.truth.clone(), over.clone());
    let watching = tokio::spawn(watching);
    let (mut calls, mut dead) = (Vec::new(), Vec::new());
    for number in 0..5 {
        calls.extend(world.storm(&life, 1 + number * 1_000).await);
        // The next life begins while this one is in full swing and does not know that it is dead.
        let next = world.boot(folder.path()).await;
        dead.push(std::mem::replace(&mut life, next));
    }
    for call in calls.drain(..) {
        call.await.unwrap();
    }
    // A life that knows what it is about, to its end.
    calls.extend(world.storm(&life, 9_000).await);
    for call in calls {
        call.await.unwrap();
    }
    life.thread.stop();
    drop(dead);
    over.store(true, Ordering::SeqCst);
    watching.await.unwrap();
    // Calls that were open when it ended are settled by the next start.
    let mut life = world.boot(folder.path()).await;
    life.thread.stop();
    let mut truth = std::mem::take(&mut *world.truth.lock().unwrap());
    check(&life.reader, &mut truth).await;
    truth.seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_books_are_right() {
    let mut seen = BTreeSet::new();
    for seed in 0..12 {
        seen.extend(simulate(seed).await);
    }
    let missing: Vec<_> = EVENTS.iter().filter(|event| !seen.contains(**event)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}
