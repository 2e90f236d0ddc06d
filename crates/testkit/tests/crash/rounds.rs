//! The loop: load, kill, look at what is left, start again, compare.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tollgate_store::Target;
use tollgate_testkit::Client;
use tollgate_testkit::process::Running;

use crate::books::{Books, entries_since, now, reader};
use crate::dice::Dice;
use crate::load::{CALLERS, Call, Counts, ENDLESS, KINDS, Load};
use crate::manage::Manager;
use crate::phases::{Hits, Phase, Round};
pub(crate) use crate::stage::Engine;
use crate::stage::{CREW, Stage};

/// How soon a server is ready again: each of all starts, without the time that one of its threads
/// stood in line for a processor on a machine that has other things to do, and the middle one with
/// it.
const READY: Duration = Duration::from_secs(1);

/// The same for each of all starts with that time, so that nothing hides in it.
const READY_AT_WORST: Duration = Duration::from_secs(5);

/// A tenth of the kills hit each phase, at least.
const SHARE: u32 = 10;

/// One round of so many outlasts two of the ledger's checkpoints, with a few streams that live as
/// long: what is done seldom, such as writing an old open record once more, is cut too.
const LONG_ROUNDS: u64 = 33;
const LONG_ROUND: Duration = Duration::from_millis(4_200);

/// How long the load may take until it is where a kill is aimed at, on a machine that has other
/// things to do.
const AIM: Duration = Duration::from_secs(60);

/// How long callers may need to see that the server is gone.
const GONE: Duration = Duration::from_secs(60);

/// What a kill is aimed at. Each of them hits other phases too.
#[derive(Clone, Copy, Debug)]
enum Aim {
    /// Open records on their way to the disk, and requests on their way to the model.
    Burst,
    /// Calls that wait for the model.
    Waiting,
    /// Answers that have begun.
    Streaming,
    /// Answers that have just ended.
    Ended,
}

impl Aim {
    const ALL: [Self; 4] = [Self::Burst, Self::Waiting, Self::Streaming, Self::Ended];

    /// The phase that it means to hit.
    fn phase(self) -> Phase {
        match self {
            Self::Burst => Phase::Pending,
            Self::Waiting => Phase::Durable,
            Self::Streaming => Phase::Streaming,
            Self::Ended => Phase::Folding,
        }
    }
}

/// Kills a server so many times in the middle of a call of every caller.
pub(crate) async fn crash_loop(engine: Engine, rounds: u32) -> Result<()> {
    let seed = match std::env::var("TOLLGATE_CRASH_SEED") {
        Ok(seed) => seed.parse().context("TOLLGATE_CRASH_SEED is no number")?,
        Err(_) => now().micros().unsigned_abs(),
    };
    println!("{engine:?}: {rounds} kills, TOLLGATE_CRASH_SEED={seed}");
    run(engine, rounds, seed).await.with_context(|| format!("TOLLGATE_CRASH_SEED={seed}"))
}

async fn run(engine: Engine, rounds: u32, seed: u64) -> Result<()> {
    let begun = Instant::now();
    // Most crews last for several rounds.
    let crews = usize::try_from(rounds)? + 2;
    let stage = Stage::set(engine, crews, rounds).await?;
    let mut kills = Kills::new(&stage, seed)?;
    println!("prepared in {:.1} s", begun.elapsed().as_secs_f64());
    let mut server = kills.start().await?;
    let progress = Progress::of(rounds);
    while kills.whole < rounds {
        let round = kills.made;
        ensure!(round < rounds * 2, "{} of {round} kills met all callers", kills.whole);
        server = kills.round(server).await.with_context(|| format!("round {round}"))?;
        progress.show(&kills);
    }
    progress.done();
    server.terminate().await?;
    let status = server.ended(GONE).await?;
    ensure!(status.success(), "asked to stop, it ended with {status}");
    kills.check_all().await?;
    println!("{} in {:.1} s", kills.report(), begun.elapsed().as_secs_f64());
    kills.judge()
}

struct Kills<'a> {
    stage: &'a Stage,
    books: Books,
    dice: Dice,
    crew: usize,
    /// How soon each server was ready, and how long one of its threads had stood in line by then.
    starts: Vec<(Duration, Duration)>,
    /// Kills that hit each phase.
    hit: BTreeMap<Phase, u32>,
    /// Kills so far, and those that met a call of every caller: not everybody calls while budgets
    /// are empty.
    made: u32,
    whole: u32,
    sum: Hits,
    killed_at_start: u32,
    /// Keys that were made and revoked.
    managed: usize,
    /// The most that was used of a crew's budgets, in percent.
    most_used: i64,
}

impl<'a> Kills<'a> {
    fn new(stage: &'a Stage, seed: u64) -> Result<Self> {
        Ok(Self {
            stage,
            books: Books::new(stage)?,
            dice: Dice::new(seed),
            crew: 0,
            starts: Vec::new(),
            hit: BTreeMap::new(),
            made: 0,
            whole: 0,
            sum: Hits::default(),
            killed_at_start: 0,
            managed: 0,
            most_used: 0,
        })
    }

    async fn start(&mut self) -> Result<Running> {
        let server = self.stage.serve().await?;
        self.starts.push((server.ready_after(), server.queued()));
        Ok(server)
    }

    /// One kill: `server` dies in the middle of its calls, another one starts, and all that is
    /// known of the round is compared.
    async fn round(&mut self, server: Running) -> Result<Running> {
        let crew =
            self.stage.crews.get(self.crew).context("all crews have used up their budgets")?;
        let names = self.books.of(crew);
        let from = now();
        let aim = self.next_aim();
        let long = self.dice.between(1, LONG_ROUNDS) == 1;
        let load = match aim {
            Aim::Burst if !long => Load::on(server.address()).together(),
            _ => Load::on(server.address()),
        };
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (load, dice) = (load.clone(), self.dice.another());
            let token = crew[number % CREW].token.clone();
            let kinds = if long && number < CREW { &[ENDLESS][..] } else { &KINDS[..] };
            let caller = async move { load.caller((number, token), kinds, dice).await };
            callers.spawn(async move { (number, caller.await) });
        }
        let manager = Manager::new(self.stage.socket(), crew[0].user.to_string());
        let manager = tokio::spawn(manager.work());
        match long {
            true => tokio::time::sleep(LONG_ROUND + self.dice.time(1_000_000)).await,
            false => self.aim(aim, &load).await?,
        }
        load.over.store(true, Ordering::SeqCst);
        server.kill().await?;
        let calls = all(callers).await?;
        let manager = tokio::time::timeout(GONE, manager).await???;
        self.look_at_remains(&names).await?;
        let server = self.start_again().await?;
        model_at_rest(self.stage).await?;
        let ledger = reader(&self.stage.target).await?;
        let entries = entries_since(&ledger, from).await?;
        let metered = self.books.take_meter(self.stage)?;
        self.books.take_entries(&entries)?;
        let round = Round { calls: &calls, entries: &entries, metered: &metered };
        let hits = round.compare()?;
        self.made += 1;
        self.whole += u32::from(round.in_flight() == CALLERS);
        self.books.end_round()?;
        self.books.check_rest(&ledger, &names).await?;
        ledger.close().await;
        self.managed += manager.check().await?;
        self.count(&hits, &names);
        Ok(server)
    }

    /// Every other kill is aimed at what was hit least so far, for how long a phase lasts
    /// depends on the machine.
    fn next_aim(&self) -> Aim {
        let least = Aim::ALL.into_iter().min_by_key(|aim| self.hit.get(&aim.phase()).copied());
        match (self.dice.between(0, 1), least) {
            (0, Some(least)) => least,
            _ => *self.dice.one(&Aim::ALL),
        }
    }

    /// Waits for the moment of the kill. All callers have begun by then.
    async fn aim(&self, aim: Aim, load: &Load) -> Result<()> {
        let at = |least, most| self.dice.between(least, most);
        let all = CALLERS as u64;
        let (sent, begun, ended, pause) = match aim {
            Aim::Burst => (at(2 * all + 1, 3 * all), 0, 0, self.dice.time(6_000)),
            Aim::Waiting => {
                (at(all, 200), 0, 0, Duration::from_millis(20) + self.dice.time(60_000))
            }
            Aim::Streaming => (all, at(5, 150), 0, self.dice.time(15_000)),
            Aim::Ended => (all, 0, at(1, 120), self.dice.time(4_000)),
        };
        let mut counts = load.counts.subscribe();
        let there = |now: &Counts| now.sent >= sent && now.begun >= begun && now.ended >= ended;
        // The guard that comes with the answer would hold all callers up.
        let there = async { counts.wait_for(there).await.map(drop) };
        let there = tokio::time::timeout(AIM, there).await;
        let last = *load.counts.borrow();
        there.with_context(|| format!("not there: {sent} {begun} {ended}, but {last:?}"))??;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// As the kill left it, spent and leased are within every limit. Read from a copy on SQLite:
    /// the next server is to find the files as a dead one leaves them.
    async fn look_at_remains(&self, names: &[String]) -> Result<()> {
        let target = match &self.stage.target {
            Target::Sqlite { data_dir } => {
                let scratch = self.stage.scratch();
                drop(std::fs::remove_dir_all(&scratch));
                std::fs::create_dir(&scratch)?;
                for file in ["ledger.db", "ledger.db-wal"] {
                    std::fs::copy(data_dir.join(file), scratch.join(file)).context(file)?;
                }
                Target::Sqlite { data_dir: scratch }
            }
            target => target.clone(),
        };
        let ledger = reader(&target).await?;
        self.books.check_limits(&ledger, names).await.context("as the kill left it")?;
        ledger.close().await;
        Ok(())
    }

    /// Starts a server; one time of eight another one was killed before it was ready.
    async fn start_again(&mut self) -> Result<Running> {
        if self.dice.between(0, 7) == 0 {
            self.killed_at_start += 1;
            let life = self.dice.time(300_000);
            Running::start_and_kill(self.stage.command(), &self.stage.log(), life).await?;
        }
        self.start().await
    }

    fn count(&mut self, hits: &Hits, names: &[String]) {
        for (phase, hit) in hits.phases() {
            *self.hit.entry(phase).or_default() += u32::from(hit);
        }
        self.sum.pending += hits.pending;
        self.sum.unrecorded += hits.unrecorded;
        self.sum.durable += hits.durable;
        self.sum.streaming += hits.streaming;
        self.sum.folding += hits.folding;
        self.sum.answered += hits.answered;
        self.sum.refused += hits.refused;
        self.most_used = self.most_used.max(self.books.most_used(names));
        // The next round needs budgets that let calls through.
        if hits.refused > 0 {
            self.crew += 1;
        }
    }

    /// At the very end: every entry is still there, and every account adds up.
    async fn check_all(&self) -> Result<()> {
        let ledger = reader(&self.stage.target).await?;
        let entries = entries_since(&ledger, tollgate_kernel::Timestamp::default()).await?;
        let taken = self.books.entries();
        ensure!(entries.len() == taken, "{} entries, {taken} were seen", entries.len());
        self.books.check_rest(&ledger, &self.books.all()).await?;
        ledger.close().await;
        let log = std::fs::read_to_string(self.stage.log())?;
        let errors: Vec<&str> =
            log.lines().filter(|line| line.contains(r#""level":"ERROR""#)).take(5).collect();
        if !errors.is_empty() {
            bail!("errors in the server's log: {errors:#?}");
        }
        Ok(())
    }

    fn report(&self) -> String {
        let Self { sum, hit, crew, killed_at_start, managed, most_used, made, .. } = self;
        let (median, worst, own) = self.ready();
        format!(
            "{made} kills, {} of them with {CALLERS} calls in flight; that hit each phase: \
             {hit:?}; calls: {sum:?}; {} crews, their fullest budget at {most_used} %; {} \
             entries, {managed} keys; ready after {median:.0?}, at worst {worst:.0?}, \
             of its own doing {own:.0?}; \
             {killed_at_start} more kills before ready;",
            self.whole,
            crew + 1,
            self.books.entries(),
        )
    }

    /// The middle one of all starts, the slowest, and the slowest without the time in line.
    fn ready(&self) -> (Duration, Duration, Duration) {
        let mut all: Vec<Duration> = self.starts.iter().map(|(ready, _)| *ready).collect();
        all.sort();
        let own = self.starts.iter().map(|(ready, queued)| ready.saturating_sub(*queued)).max();
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        (median, all.last().copied().unwrap_or_default(), own.unwrap_or_default())
    }

    fn judge(&self) -> Result<()> {
        let made = self.made;
        for (phase, hits) in &self.hit {
            ensure!(hits * SHARE >= made, "{phase:?} was hit by {hits} of {made} kills only");
        }
        let (median, worst, own) = self.ready();
        ensure!(median <= READY, "usually ready after {median:?}");
        ensure!(worst <= READY_AT_WORST, "once ready after {worst:?}");
        ensure!(own <= READY, "once ready after {own:?}, without its time in line");
        Ok(())
    }
}

/// How far the loop is: a bar on a terminal, a line now and then elsewhere.
struct Progress(ProgressBar);

impl Progress {
    fn of(rounds: u32) -> Self {
        let bar = ProgressBar::new(rounds.into());
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} kills, {eta} left  {msg}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn show(&self, kills: &Kills<'_>) {
        const SELDOM: u32 = 50;
        self.0.set_position(kills.whole.into());
        self.0.set_message(format!("{:?}", kills.hit));
        if self.0.is_hidden() && kills.made.is_multiple_of(SELDOM) {
            println!("{} kills, that hit {:?}", kills.made, kills.hit);
        }
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}

/// Waits until the demo model has seen that all of its callers are gone.
pub(crate) async fn model_at_rest(stage: &Stage) -> Result<()> {
    let client = Client::new(stage.model.url(), None);
    let deadline = Instant::now() + GONE;
    while client.get("/meter").await?.json()["open"] != 0 {
        ensure!(Instant::now() < deadline, "the demo model still writes");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// What all callers saw, each in its place.
async fn all(mut callers: JoinSet<(usize, Vec<Call>)>) -> Result<Vec<Vec<Call>>> {
    let mut all: Vec<Vec<Call>> = (0..CALLERS).map(|_| Vec::new()).collect();
    let gather = async {
        while let Some(done) = callers.join_next().await {
            let (number, calls) = done?;
            all[number] = calls;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(GONE, gather)
        .await
        .context("a caller still waits for a dead server")??;
    Ok(all)
}
