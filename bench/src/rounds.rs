//! Interleaved rounds: each subject is measured once in every round, in turning order, so that a
//! machine that becomes slower or faster does so for all of them.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// The least number of rounds that a verdict rests on.
pub const FEWEST_ROUNDS: usize = 9;

/// The least number of rounds that has a spread; for a quick look.
pub const QUICK_ROUNDS: usize = 3;

/// What one measurement found, by name.
pub type Sample = BTreeMap<&'static str, f64>;

/// The middle of several figures, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lower quartile.
    pub low: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// The spread of `figures`; `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| -> Option<f64> {
            // Between two figures, halfway.
            let twice = (sorted.len().checked_sub(1)? * quarter).div_ceil(2);
            let (low, high) = (sorted.get(twice / 2)?, sorted.get(twice.div_ceil(2))?);
            Some(f64::midpoint(*low, *high))
        };
        Some(Self { median: at(2)?, low: at(1)?, high: at(3)? })
    }
}

/// A figure of subject B beside that of subject A.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// A's figures.
    pub a: Spread,
    /// B's figures.
    pub b: Spread,
    /// B ÷ A, taken in each round by itself.
    pub ratio: Spread,
    /// B − A, taken in each round by itself.
    pub difference: Spread,
}

/// Which of two subjects to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The yardstick.
    A,
    /// What is compared with it.
    B,
}

/// Measures A and B in `count` interleaved rounds (at least [`QUICK_ROUNDS`]), A first in every
/// other round, and compares each figure that both have. An error ends it.
pub async fn rounds(
    count: usize,
    mut measure: impl AsyncFnMut(Subject, usize) -> anyhow::Result<Sample>,
) -> anyhow::Result<BTreeMap<&'static str, Compared>> {
    ensure!(count >= QUICK_ROUNDS, "at least {QUICK_ROUNDS} rounds are needed");
    let mut pairs: BTreeMap<&'static str, Vec<(f64, f64)>> = BTreeMap::new();
    for round in 0..count {
        let (a, b) = if round % 2 == 0 {
            let a = measure(Subject::A, round).await?;
            (a, measure(Subject::B, round).await?)
        } else {
            let b = measure(Subject::B, round).await?;
            (measure(Subject::A, round).await?, b)
        };
        for (name, a) in a {
            if let Some(b) = b.get(name) {
                pairs.entry(name).or_default().push((a, *b));
            }
        }
    }
    let compared = pairs.into_iter().filter_map(|(name, pairs)| Some((name, compare(&pairs)?)));
    Ok(compared.collect())
}

fn compare(pairs: &[(f64, f64)]) -> Option<Compared> {
    let spread = |figure: fn(&(f64, f64)) -> f64| {
        Spread::of(&pairs.iter().map(figure).collect::<Vec<f64>>())
    };
    Some(Compared {
        a: spread(|(a, _)| *a)?,
        b: spread(|(_, b)| *b)?,
        ratio: spread(|(a, b)| b / a)?,
        difference: spread(|(a, b)| b - a)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a future that never waits.
    fn ready<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::runtime::Builder::new_current_thread().build()?.block_on(future)
    }

    #[test]
    fn a_spread_is_median_and_quartiles() {
        let spread = |figures: &[f64]| Spread::of(figures).map(|s| (s.low, s.median, s.high));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7.0]), Some((7.0, 7.0, 7.0)));
        assert_eq!(spread(&[5.0, 1.0, 3.0, 2.0, 4.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(spread(&[1.0, 2.0]), Some((1.5, 1.5, 2.0)));
    }

    #[test]
    fn a_machine_that_slows_down_does_not_change_the_ratio() -> anyhow::Result<()> {
        let mut order = Vec::new();
        let mut slowness = 1.0;
        let result = ready(rounds(9, async |subject, round| {
            order.push((round, subject));
            slowness *= 1.01;
            let cost = if subject == Subject::A { 10.0 } else { 18.0 };
            Ok(Sample::from([("cpu_us", cost * slowness)]))
        }))?;
        let cpu = result.get("cpu_us").copied().ok_or_else(|| anyhow::anyhow!("no figure"))?;
        assert!((cpu.ratio.median - 1.8).abs() < 0.02, "{cpu:?}");
        assert!(cpu.a.high > cpu.a.low && cpu.difference.median > 8.0);
        assert_eq!(order.len(), 18);
        let start = [(0, Subject::A), (0, Subject::B), (1, Subject::B), (1, Subject::A)];
        assert!(order.starts_with(&start));
        Ok(())
    }

    #[test]
    fn few_rounds_and_failed_rounds_are_errors() {
        assert!(ready(rounds(2, async |_, _| Ok(Sample::new()))).is_err());
        let fails = ready(rounds(9, async |_, round| {
            anyhow::ensure!(round < 5, "the machine caught fire");
            Ok(Sample::new())
        }));
        assert!(fails.is_err());
    }
}
