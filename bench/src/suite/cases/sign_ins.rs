//! What sign-ins do to model calls: each of them is a thousand calls' worth of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate_bench::load::Load;
use tollgate_bench::rounds::{Subject, rounds};

use super::{Bench, figure};
use crate::http::SignInForm;
use crate::programs::Running;
use crate::report::Row;
use crate::stage::{PASSWORD, Stage, Wish, alias, email};

/// Browsers that sign in again and again.
const BROWSERS: usize = 16;

/// One network may not sign in so often, nor ask for the page so often; a storm has many of them.
const NO_LIMIT: [&str; 4] = [
    "--set",
    "limits.network.sign_in_per_minute=10000000",
    "--set",
    "limits.network.anonymous_per_minute=10000000",
];

/// p99 of model calls with and without a storm of sign-ins.
pub(super) async fn storm(bench: &Bench) -> Result<Vec<Row>> {
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let tollgate = bench.place.tollgate(&stage, &NO_LIMIT).await?;
    let mut load = bench.load(&tollgate, alias("mock/delay=5ms")?, stage.keys()?)?;
    load.per_second = Some(500.0);
    load.measure *= 2;
    let signed_in = Arc::new(AtomicU64::new(0));
    let figures = rounds(bench.rounds, async |subject, round| {
        let storm = match subject {
            Subject::A => None,
            Subject::B => Some(Storm::start(&tollgate, signed_in.clone()).await?),
        };
        let sample = run(&load).await?;
        if let Some(storm) = storm {
            storm.end().await?;
        }
        let p99 = sample.get("p99_us").copied().unwrap_or(f64::NAN);
        eprintln!("  round {} {subject:?}: p99 {p99:.0} µs", round + 1);
        Ok(sample)
    })
    .await?;
    let p99 = figure(&figures, "p99_us")?;
    let each = signed_in.load(Ordering::Relaxed) / u64::try_from(bench.rounds)?;
    let note = format!(
        "p99 {:.2} and {:.2} ms; about {each} sign-ins in each round of {:.1} s; the limit by \
         network is off, for a storm has many networks",
        p99.a.median / 1e3,
        p99.b.median / 1e3,
        (load.measure + load.warm_up).as_secs_f64(),
    );
    let what = "p99 of model calls (500 a second) during a storm of sign-ins, over that without";
    Ok(vec![Row::new("sign-in-storm", what, (2.0, "×"), p99.ratio).with(bench.rounds, note)])
}

async fn run(load: &Load) -> Result<tollgate_bench::rounds::Sample> {
    let report = load.run().await?;
    let error = report.error.clone().unwrap_or_default();
    ensure!(report.errors == 0 && report.calls > 0, "{} calls failed: {error}", report.errors);
    Ok(report.sample())
}

/// Browsers that sign in as long as it lasts.
struct Storm {
    browsers: JoinSet<Result<()>>,
    over: Arc<AtomicBool>,
}

impl Storm {
    async fn start(server: &Running, signed_in: Arc<AtomicU64>) -> Result<Self> {
        let form = SignInForm::get(server.address()?).await?;
        let over = Arc::new(AtomicBool::new(false));
        let mut browsers = JoinSet::new();
        for browser in 0..BROWSERS {
            let (form, over, signed_in) = (form.clone(), over.clone(), signed_in.clone());
            browsers.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    form.send(&email(browser % 10), PASSWORD).await?;
                    signed_in.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        // The storm is there before the calls are.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Self { browsers, over })
    }

    async fn end(mut self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.browsers.join_next().await {
            ended??;
        }
        Ok(())
    }
}
