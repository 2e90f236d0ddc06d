//! What tokens cost. Integers throughout: nano-units of one currency, rounded up once per entry.

use serde::{Deserialize, Serialize};

/// An amount of money in nano-units: one dollar is 1,000,000,000.
pub type Nano = i64;

/// Tokens of a call, as the upstream reported them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached and cache-writing ones among them.
    pub input_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cached_tokens: u64,
    /// Of the input: written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning among them.
    pub output_tokens: u64,
    /// Of the output: reasoning that the caller did not see.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Input and output together.
    pub const fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// A class of tokens with a price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Input that is in no cache.
    Input,
    /// Input read from the provider's cache.
    CachedInput,
    /// Input written to the provider's cache.
    CacheWrite,
    /// Output.
    Output,
}

/// From `from_input_tokens` on, `class` costs `nano_per_million` for the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The class that becomes dearer (or cheaper).
    pub class: Class,
    /// From how many input tokens on.
    pub from_input_tokens: u64,
    /// The price of that class then, in nano-units per million tokens.
    pub nano_per_million: Nano,
}

/// The price of a model, in nano-units per million tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Input.
    pub input: Nano,
    /// Input read from the provider's cache; as input where it is not stated.
    pub cached_input: Option<Nano>,
    /// Input written to the provider's cache; as input where it is not stated.
    pub cache_write: Option<Nano>,
    /// Output.
    pub output: Nano,
    /// Other prices for long inputs.
    pub tiers: Vec<Tier>,
}

impl Price {
    /// What `usage` costs, rounded up to a whole nano-unit.
    pub fn cost(&self, usage: &Usage) -> Nano {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let plain = usage.input_tokens - cached - written;
        let at = |class| self.rate(class, usage.input_tokens);
        per_million_up(&[
            (plain, at(Class::Input)),
            (cached, at(Class::CachedInput)),
            (written, at(Class::CacheWrite)),
            (usage.output_tokens, at(Class::Output)),
        ])
    }

    /// The most that a call can cost with at most this many tokens: every token at the dearest
    /// class and tier that may apply.
    pub fn worst_case(&self, input_tokens: u64, output_tokens: u64) -> Nano {
        let input = [Class::Input, Class::CachedInput, Class::CacheWrite]
            .map(|class| self.dearest(class, input_tokens))
            .into_iter()
            .max()
            .unwrap_or(0);
        let output = self.dearest(Class::Output, input_tokens);
        per_million_up(&[(input_tokens, input), (output_tokens, output)])
    }

    fn base(&self, class: Class) -> Nano {
        match class {
            Class::Input => self.input,
            Class::CachedInput => self.cached_input.unwrap_or(self.input),
            Class::CacheWrite => self.cache_write.unwrap_or(self.input),
            Class::Output => self.output,
        }
    }

    /// The price of `class` in a call of exactly this many input tokens.
    fn rate(&self, class: Class, input_tokens: u64) -> Nano {
        self.reached(class, input_tokens)
            .max_by_key(|tier| tier.from_input_tokens)
            .map_or(self.base(class), |tier| tier.nano_per_million)
    }

    /// The dearest price of `class` in a call of at most this many input tokens.
    fn dearest(&self, class: Class, input_tokens: u64) -> Nano {
        self.reached(class, input_tokens)
            .map(|tier| tier.nano_per_million)
            .fold(self.base(class), Nano::max)
    }

    /// The tiers that an input of this length reaches. A class whose own price is not stated costs
    /// as input, in each tier too.
    fn reached(&self, class: Class, input_tokens: u64) -> impl Iterator<Item = &Tier> {
        let follows_input = match class {
            Class::CachedInput => self.cached_input.is_none(),
            Class::CacheWrite => self.cache_write.is_none(),
            Class::Input | Class::Output => false,
        };
        let class = if follows_input { Class::Input } else { class };
        self.tiers
            .iter()
            .filter(move |tier| tier.class == class && tier.from_input_tokens <= input_tokens)
    }
}

/// Σ tokens × price ÷ 1,000,000, rounded up once, saturating.
fn per_million_up(parts: &[(u64, Nano)]) -> Nano {
    let sum: i128 = parts.iter().map(|(n, rate)| i128::from(*n) * i128::from(*rate)).sum();
    let up = (sum + 999_999).div_euclid(1_000_000);
    Nano::try_from(up).unwrap_or(Nano::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        Price {
            input: 2_500_000_000,
            cached_input: Some(1_250_000_000),
            cache_write: None,
            output: 10_000_000_000,
            tiers: vec![Tier {
                class: Class::Input,
                from_input_tokens: 1_000,
                nano_per_million: 5_000_000_000,
            }],
        }
    }

    fn usage(input: u64, cached: u64, written: u64, output: u64) -> Usage {
        Usage {
            input_tokens: input,
            cached_tokens: cached,
            cache_write_tokens: written,
            output_tokens: output,
            reasoning_tokens: 0,
        }
    }

    #[test]
    fn each_class_has_its_price() {
        assert_eq!(price().cost(&usage(100, 40, 0, 10)), 60 * 2_500 + 40 * 1_250 + 10 * 10_000);
        assert_eq!(price().cost(&usage(100, 0, 100, 0)), 100 * 2_500);
    }

    #[test]
    fn a_tier_counts_for_the_whole_call() {
        assert_eq!(price().cost(&usage(999, 0, 0, 0)), 999 * 2_500);
        assert_eq!(price().cost(&usage(1_000, 0, 0, 0)), 1_000 * 5_000);
        assert_eq!(price().cost(&usage(1_000, 0, 1_000, 0)), 1_000 * 5_000);
        assert_eq!(price().cost(&usage(1_000, 1_000, 0, 0)), 1_000 * 1_250);
    }

    #[test]
    fn a_cost_is_rounded_up_once() {
        let cheap =
            Price { input: 1, cached_input: None, cache_write: None, output: 1, tiers: vec![] };
        assert_eq!(cheap.cost(&usage(1, 0, 0, 1)), 1);
        assert_eq!(cheap.cost(&usage(0, 0, 0, 0)), 0);
    }

    #[test]
    fn the_worst_case_is_never_below_the_cost() {
        for input in [0_u64, 1, 999, 1_000, 5_000] {
            for output in [0_u64, 7, 900] {
                let worst = price().worst_case(input, output);
                for cached in [0, input / 2, input] {
                    assert!(worst >= price().cost(&usage(input, cached, 0, output)));
                    assert!(worst >= price().cost(&usage(input / 2, 0, cached / 2, output / 2)));
                }
            }
        }
    }

    #[test]
    fn absurd_figures_saturate() {
        assert_eq!(price().cost(&usage(u64::MAX, 0, 0, u64::MAX)), Nano::MAX);
    }
}
