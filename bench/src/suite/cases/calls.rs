//! What a call costs beside the bare proxy: CPU, and time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tollgate_bench::load::{Load, chat_body};
use tollgate_bench::rounds::Spread;

use super::{Bench, figure};
use crate::programs::Running;
use crate::report::Row;
use crate::stage::{Stage, Wish, alias};

/// The mock model, the bare proxy, and our server with ten people.
struct Pair {
    _model: Running,
    bare: Running,
    tollgate: Running,
    stage: Stage,
}

impl Pair {
    async fn start(bench: &Bench) -> Result<Self> {
        let model = bench.place.model().await?;
        let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
        let bare = bench.place.bare(&model).await?;
        let tollgate = bench.place.tollgate(&stage, &[]).await?;
        Ok(Self { _model: model, bare, tollgate, stage })
    }

    /// The same load for both: the bare proxy is asked for the model by its own name, our server by
    /// its alias.
    fn loads(&self, bench: &Bench, model: &str) -> Result<(Load, Load)> {
        let keys = self.stage.keys()?;
        let bare = bench.load(&self.bare, model, keys.clone())?;
        Ok((bare, bench.load(&self.tollgate, alias(model)?, keys)?))
    }
}

/// CPU per JSON call.
pub(super) async fn json(bench: &Bench) -> Result<Vec<Row>> {
    let pair = Pair::start(bench).await?;
    let (bare, ours) = pair.loads(bench, "mock/fixed")?;
    let figures = bench.compare(&bare, &ours).await?;
    let cpu = figure(&figures, "cpu_us_per_call")?;
    let (calls, p50) = (figure(&figures, "calls_per_s")?, figure(&figures, "p50_us")?);
    let note = format!(
        "CPU {:.1} and {:.1} µs a call; {:.0} and {:.0} calls/s, p50 {:.0} and {:.0} µs (bare, \
         ours)",
        cpu.a.median, cpu.b.median, calls.a.median, calls.b.median, p50.a.median, p50.b.median
    );
    let what = "CPU per call with everything on (key, plan, rates, token budgets of user and \
                installation, price, metering, entry, request log), over the bare proxy";
    Ok(vec![Row::new("json", what, (1.8, "×"), cpu.ratio).with(bench.rounds, note)])
}

/// CPU per event of a stream.
pub(super) async fn streams(bench: &Bench) -> Result<Vec<Row>> {
    const MODEL: &str = "mock/chunks=100,every=10ms";
    let pair = Pair::start(bench).await?;
    let (mut bare, mut ours) = pair.loads(bench, MODEL)?;
    for (load, model) in [(&mut bare, MODEL), (&mut ours, alias(MODEL)?)] {
        load.bodies = Arc::new([chat_body(model, true)]);
        // A stream lasts a second, and the clock of CPU time ticks a hundred times a second.
        load.measure *= 2;
        load.warm_up = Duration::from_millis(1_200);
    }
    let figures = bench.compare(&bare, &ours).await?;
    let cpu = figure(&figures, "cpu_us_per_event")?;
    let first = figure(&figures, "first_byte_p50_us")?;
    let note = format!(
        "CPU {:.1} and {:.1} µs an event; first byte of the body at p50 {:+.2} ms",
        cpu.a.median,
        cpu.b.median,
        first.difference.median / 1e3
    );
    let what = "CPU per event of a stream (100 events 10 ms apart), over the bare proxy";
    Ok(vec![Row::new("streams", what, (1.3, "×"), cpu.ratio).with(bench.rounds, note)])
}

/// Latency over the bare proxy at a fixed rate.
pub(super) async fn latency(bench: &Bench) -> Result<Vec<Row>> {
    const MODEL: &str = "mock/delay=5ms";
    let pair = Pair::start(bench).await?;
    let (mut bare, mut ours) = pair.loads(bench, MODEL)?;
    for load in [&mut bare, &mut ours] {
        load.per_second = Some(500.0);
        // So that p99 is more than a handful of calls.
        load.measure *= 2;
    }
    let figures = bench.compare(&bare, &ours).await?;
    let mut rows = Vec::new();
    for (name, shown, bar) in [("p50_us", "p50", 0.1), ("p99_us", "p99", 0.5)] {
        let found = figure(&figures, name)?;
        let (a, b) = (found.a.median / 1e3, found.b.median / 1e3);
        let what =
            format!("{shown} at 500 calls/s, an upstream of 5 ms, more than the bare proxy's");
        let note = format!("{shown} {a:.2} and {b:.2} ms");
        let found = in_ms(found.difference);
        rows.push(Row::new("latency", &what, (bar, "ms"), found).with(bench.rounds, note));
    }
    Ok(rows)
}

fn in_ms(us: Spread) -> Spread {
    Spread { median: us.median / 1e3, low: us.low / 1e3, high: us.high / 1e3 }
}
