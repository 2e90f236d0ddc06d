//! Many keys: what a call costs when a million are stored and a hundred thousand are in use.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate_bench::load::{Choice, Load};
use tollgate_bench::rounds::Compared;

use super::{Bench, figure};
use crate::programs::Running;
use crate::report::Row;
use crate::stage::{Stage, Wish, alias};

/// People, and keys of each: a million keys, of which the first of everybody is in use.
const PEOPLE: usize = 100_000;
const KEYS_EACH: usize = 10;

/// The usual case: budgets of the group's pool and of the installation.
pub(super) async fn compare(bench: &Bench) -> Result<Vec<Row>> {
    let model = bench.place.model().await?;
    let mut rows = Vec::new();
    for own_budgets in [false, true] {
        let wish = |people, keys_each| Wish { people, keys_each, own_budgets, pool: true };
        let work = &bench.place.work;
        let few_stage = Stage::fresh(work, model.url(), wish(10, 1)).await?;
        let many_stage = Stage::kept(work, model.url(), wish(PEOPLE, KEYS_EACH)).await?;
        let few = bench.place.tollgate(&few_stage, &[]).await?;
        let many = bench.place.tollgate(&many_stage, &[]).await?;
        let before = many.process()?.rss_kib()?;
        let model = alias("mock/fixed")?;
        let a = bench.load(&few, model, few_stage.keys()?)?;
        let b = bench.load(&many, model, many_stage.keys()?)?;
        eprintln!("  every key is used once");
        use_all(&b).await?;
        let figures = bench.compare(&a, &b).await?;
        let cpu = figure(&figures, "cpu_us_per_call")?;
        let ledger = figure(&figures, "ledger_us_per_call")?;
        let note = note(&many, &few, before, (cpu, ledger))?;
        let row = if own_budgets {
            let what = "the same with a budget for each user as well, in both";
            Row::shown("many-keys", what, "×", cpu.ratio)
        } else {
            let what = "CPU per call, 1,000,000 keys stored and 100,000 in use, drawn uniformly, \
                        over 10 keys; budgets of the group's pool and the installation";
            Row::new("many-keys", what, (1.25, "×"), cpu.ratio)
        };
        rows.push(row.with(bench.rounds, note));
        few.stop().await?;
        many.stop().await?;
    }
    Ok(rows)
}

/// Uses each key once, so that what is measured is the steady state.
async fn use_all(load: &Load) -> Result<()> {
    let mut load = load.clone();
    load.choice = Choice::InTurn;
    load.measure = Duration::from_secs(1);
    load.warm_up = Duration::ZERO;
    // Runs of a second, each of which begins where the last one ended.
    let (all, mut used) = (load.credentials.clone(), 0);
    while used < all.len() {
        load.credentials = all.iter().skip(used).cloned().collect();
        let report = load.run().await?;
        ensure!(report.errors == 0, "{}", report.error.unwrap_or_default());
        used += usize::try_from(report.calls)?;
    }
    Ok(())
}

fn note(
    many: &Running,
    few: &Running,
    before: u64,
    (cpu, ledger): (Compared, Compared),
) -> Result<String> {
    let mib = |kib: u64| kib / 1_024;
    Ok(format!(
        "CPU {:.1} and {:.1} µs a call, {:.1} and {:.1} of it the ledger's thread, which writes \
         accounts, entries and journal; resident {} MiB with 100,000 keys in use ({} MiB at the \
         start; {} MiB with 10 keys)",
        cpu.a.median,
        cpu.b.median,
        ledger.a.median,
        ledger.b.median,
        mib(many.process()?.rss_kib()?),
        mib(before),
        mib(few.process()?.rss_kib()?),
    ))
}
