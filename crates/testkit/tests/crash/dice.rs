//! Chance that can be repeated.

use std::time::Duration;

use tollgate_kernel::{Rng, SeededRng};

/// Numbers from a seed.
pub(crate) struct Dice(SeededRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&self, least: u64, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        least + u64::from_le_bytes(bytes) % (most - least + 1)
    }

    /// A time of at most `most_us` microseconds.
    pub(crate) fn time(&self, most_us: u64) -> Duration {
        Duration::from_micros(self.between(0, most_us))
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&self, all: &'a [T]) -> &'a T {
        let at = self.between(0, all.len() as u64 - 1);
        &all[usize::try_from(at).unwrap()]
    }

    /// A die that depends on this one's next number.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.between(0, u64::MAX - 1))
    }
}
