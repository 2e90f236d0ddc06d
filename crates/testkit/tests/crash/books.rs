//! A second account of everything: sums of entries and of the demo model's meter, held against what
//! the ledger's accounts say.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tollgate_kernel::{
    Account, Budget, Clock, Holder, Period, Price, SystemClock, Timestamp, Unit, Usage, Window,
};
use tollgate_root::Root;
use tollgate_server::demo_model::Line;
use tollgate_server::prices::PriceTable;
use tollgate_store::Target;
use tollgate_store::ledger::{self, AccountRef, EntryFilter, EntryRow, LedgerReader, Standing};
use tollgate_vault::SystemRng;

use crate::stage::{PRICES, Person, Stage};

/// More entries than a round can have.
const ALL: u32 = 1_000_000;

/// What is known of a budget besides its account.
struct Book {
    holder: Holder,
    budget: Budget,
    /// What its entries were charged, crash reserves among them.
    charged: i64,
    /// What the demo model metered.
    metered: i64,
    /// By how much more was charged than metered when the last round was over.
    ahead: i64,
}

/// The books of all budgets, by their names.
pub(crate) struct Books {
    books: BTreeMap<String, Book>,
    /// The names of a person's user and key, by what the demo model knows them as.
    people: HashMap<String, (String, String)>,
    price: Arc<Price>,
    started: Timestamp,
    entries: usize,
    meter_read: u64,
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    SystemClock::new().now()
}

/// Opens the ledger for reading. Close it: a database that somebody has open is recovered
/// differently.
pub(crate) async fn reader(target: &Target) -> Result<LedgerReader> {
    let (clock, rng) = (Arc::new(SystemClock::new()), Arc::new(SystemRng));
    Ok(ledger::open(&Root::new(), target.clone(), clock, rng).await?.0)
}

/// The entries of calls and reserves since `from`.
pub(crate) async fn entries_since(reader: &LedgerReader, from: Timestamp) -> Result<Vec<EntryRow>> {
    let filter = EntryFilter { from: Some(from), ..EntryFilter::default() };
    Ok(reader.entries(&filter, ALL).await?)
}

impl Books {
    pub(crate) fn new(stage: &Stage) -> Result<Self> {
        let price =
            PriceTable::with_file(PRICES)?.price("mock/any", now()).map(|l| l.price.clone());
        let mut books = Self {
            books: BTreeMap::new(),
            people: HashMap::new(),
            price: price.context("the demo model has a price")?,
            started: now(),
            entries: 0,
            meter_read: 0,
        };
        for budget in &stage.of_all {
            books.open(Holder::Installation, *budget)?;
        }
        for person in stage.crews.iter().flatten() {
            for (holder, budget) in person.budgets() {
                books.open(holder, budget)?;
            }
            let names = (person.user.to_string(), person.key.to_string());
            books.people.insert(person.subject.clone(), names);
        }
        Ok(books)
    }

    fn open(&mut self, holder: Holder, budget: Budget) -> Result<()> {
        let book = Book { holder, budget, charged: 0, metered: 0, ahead: 0 };
        self.books.insert(book.account(self.started)?.budget(), book);
        Ok(())
    }

    /// Takes in entries that were not there before.
    pub(crate) fn take_entries(&mut self, rows: &[EntryRow]) -> Result<()> {
        for row in rows {
            self.entries += 1;
            let amount = |unit| match unit {
                Unit::Money => row.charged_nano,
                Unit::Tokens => row.charged_tokens,
                Unit::Calls => row.charged_calls,
            };
            if let Some(name) = &row.budget {
                let book = self.book(name)?;
                let amount = amount(book.budget.unit);
                ensure!(amount > 0, "a crash reserve that tells no amount: {row:?}");
                book.charged += amount;
                continue;
            }
            let user = row.user.clone().context("an entry of nobody")?;
            let key = row.key.clone().context("an entry without a key")?;
            for (name, unit) in charged_for(&user, &key) {
                self.book(&name)?.charged += amount(unit);
            }
        }
        Ok(())
    }

    /// Takes in what the demo model has metered since the last time, and gives it back.
    pub(crate) fn take_meter(&mut self, stage: &Stage) -> Result<Vec<Line>> {
        let mut file = std::fs::File::open(stage.meter())?;
        file.seek(SeekFrom::Start(self.meter_read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        ensure!(text.is_empty() || text.ends_with('\n'), "half a line in the meter at rest");
        self.meter_read += text.len() as u64;
        let mut lines = Vec::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line)?;
            let subject = line.subject.as_deref().unwrap_or_default();
            let person = self.people.get(subject).cloned();
            let (user, key) = person.with_context(|| format!("metered for nobody: {line:?}"))?;
            let usage = Usage {
                input_tokens: line.input_tokens,
                output_tokens: line.output_tokens,
                ..Usage::default()
            };
            for (name, unit) in charged_for(&user, &key) {
                let amount = match unit {
                    Unit::Money => self.price.cost(&usage),
                    Unit::Tokens => i64::try_from(usage.total())?,
                    Unit::Calls => 1,
                };
                self.book(&name)?.metered += amount;
            }
            lines.push(line);
        }
        Ok(lines)
    }

    fn book(&mut self, name: &str) -> Result<&mut Book> {
        self.books.get_mut(name).with_context(|| format!("nobody made the budget {name}"))
    }

    /// How many entries were taken in.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// The names of the budgets that calls of these people count for.
    pub(crate) fn of(&self, crew: &[Person]) -> Vec<String> {
        let mut names: Vec<String> = crew
            .iter()
            .flat_map(|person| charged_for(&person.user.to_string(), &person.key.to_string()))
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The names of all budgets.
    pub(crate) fn all(&self) -> Vec<String> {
        self.books.keys().cloned().collect()
    }

    /// Whatever happens: what is spent and what is leased are within the limit.
    pub(crate) async fn check_limits(&self, reader: &LedgerReader, names: &[String]) -> Result<()> {
        for name in names {
            self.standing(reader, name).await?;
        }
        Ok(())
    }

    /// A round is over: its own entries and crash reserves came to no less than the demo model's
    /// meter, without what earlier rounds were charged too much.
    pub(crate) fn end_round(&mut self) -> Result<()> {
        for (name, book) in &mut self.books {
            let ahead = book.charged - book.metered;
            let short = book.ahead - ahead;
            ensure!(short <= 0, "{name}: the round was charged {short} less than was metered");
            book.ahead = ahead;
        }
        Ok(())
    }

    /// At rest: nothing is leased, the entries and crash reserves come to exactly what is spent,
    /// and the demo model's meter comes to no more.
    pub(crate) async fn check_rest(&self, reader: &LedgerReader, names: &[String]) -> Result<()> {
        for name in names {
            let Standing { spent, leased } = self.standing(reader, name).await?;
            let Some(Book { charged, metered, .. }) = self.books.get(name) else { continue };
            ensure!(leased == 0, "{name}: {leased} are leased to nobody");
            ensure!(spent == *charged, "{name}: {spent} are spent, {charged} are in entries");
            ensure!(metered <= charged, "{name}: {metered} metered, only {charged} charged");
        }
        Ok(())
    }

    /// What a budget has given away in all windows of this test, each of them within its limit.
    async fn standing(&self, reader: &LedgerReader, name: &str) -> Result<Standing> {
        let book = self.books.get(name).context("a book")?;
        let mut windows = vec![book.account(self.started)?, book.account(now())?];
        windows.dedup();
        let mut sum = Standing::default();
        for account in &windows {
            let Standing { spent, leased } = reader.standing(&AccountRef::from(account)).await?;
            let limit = book.budget.limit;
            if spent < 0 || leased < 0 || spent + leased > limit {
                bail!("{name}: {spent} spent and {leased} leased of {limit}");
            }
            sum.spent += spent;
            sum.leased += leased;
        }
        Ok(sum)
    }

    /// How much of the most used budget of these is used, in percent.
    pub(crate) fn most_used(&self, names: &[String]) -> i64 {
        let used = |book: &Book| book.charged * 100 / book.budget.limit;
        names.iter().filter_map(|name| self.books.get(name)).map(used).max().unwrap_or(0)
    }
}

impl Book {
    /// Its account in the window of this moment.
    fn account(&self, at: Timestamp) -> Result<Account> {
        let Budget { unit, period, .. } = self.budget;
        let window = Window::containing(at, period, &tollgate_kernel::Plan::zone("UTC")?)?;
        Ok(Account { holder: self.holder.clone(), unit, period, window })
    }
}

/// The budgets that a call counts for.
fn charged_for(user: &str, key: &str) -> [(String, Unit); 5] {
    let name = |holder: &str, unit: Unit, period: Period| {
        (format!("{holder}/{}/{}", unit.as_str(), period.as_str()), unit)
    };
    [
        name("installation", Unit::Tokens, Period::Month),
        name("installation", Unit::Money, Period::Month),
        name(&format!("user/{user}"), Unit::Tokens, Period::Week),
        name(&format!("user/{user}"), Unit::Calls, Period::Day),
        name(&format!("key/{key}"), Unit::Tokens, Period::Day),
    ]
}
