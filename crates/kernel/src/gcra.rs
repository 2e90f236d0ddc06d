//! Rates: the generic cell rate algorithm as a pure function over (state, now, rule).

use std::time::Duration;

const MINUTE_NS: i128 = 60_000_000_000;

/// A rule: `per_minute` units in any minute, all of them at once if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    per_minute: u32,
}

/// What the rule says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass; this is the new state, and how many units are left.
    Pass {
        /// The state to keep.
        state_ns: i64,
        /// Units left right after it.
        left: u32,
    },
    /// It may pass after this long.
    Wait(Duration),
    /// It is larger than the rule ever allows.
    Never,
}

impl Gcra {
    /// A rule of this many units a minute.
    pub const fn per_minute(per_minute: u32) -> Self {
        Self { per_minute }
    }

    /// Asks for `units` at `now_ns`. `state_ns` is the theoretical arrival time so far, 0 at first;
    /// both are nanoseconds on a clock that never goes back.
    pub fn ask(self, state_ns: i64, now_ns: i64, units: u32) -> Verdict {
        if units > self.per_minute {
            return Verdict::Never;
        }
        let now = i128::from(now_ns);
        let start = i128::from(state_ns).max(now);
        let next = start + self.span(units);
        let over = next - now - MINUTE_NS;
        if over > 0 {
            return Verdict::Wait(Duration::from_nanos(u64::try_from(over).unwrap_or(u64::MAX)));
        }
        Verdict::Pass { state_ns: clamp(next), left: self.left(next - now) }
    }

    /// The state after `units` were given back, as when a call used less than it held.
    pub fn give_back(self, state_ns: i64, units: u32) -> i64 {
        clamp(i128::from(state_ns) - self.span(units.min(self.per_minute)))
    }

    /// How many units are left, and how long until all of them are back.
    pub fn standing(self, state_ns: i64, now_ns: i64) -> (u32, Duration) {
        let ahead = (i128::from(state_ns) - i128::from(now_ns)).max(0);
        let reset = Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX));
        (self.left(ahead), reset)
    }

    /// How far `units` move the state. Rounded up, so that rounding never lets one more pass.
    fn span(self, units: u32) -> i128 {
        let rate = i128::from(self.per_minute.max(1));
        (i128::from(units) * MINUTE_NS + rate - 1) / rate
    }

    fn left(self, ahead: i128) -> u32 {
        let room = (MINUTE_NS - ahead).max(0);
        u32::try_from(room * i128::from(self.per_minute) / MINUTE_NS).unwrap_or(u32::MAX)
    }
}

fn clamp(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests")]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_units_may_come_at_once_and_come_back_evenly() {
        let rule = Gcra::per_minute(60);
        let Verdict::Pass { state_ns, left } = rule.ask(0, 0, 60) else { panic!("it fits") };
        assert_eq!(left, 0);
        assert_eq!(rule.ask(state_ns, 0, 1), Verdict::Wait(Duration::from_secs(1)));
        assert!(matches!(rule.ask(state_ns, 1_000_000_000, 1), Verdict::Pass { left: 0, .. }));
        assert_eq!(rule.standing(state_ns, 30_000_000_000), (30, Duration::from_secs(30)));
        assert_eq!(rule.ask(0, 0, 61), Verdict::Never);
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let rule = Gcra::per_minute(100);
        let Verdict::Pass { state_ns, .. } = rule.ask(0, 0, 100) else { panic!("it fits") };
        let state_ns = rule.give_back(state_ns, 40);
        assert!(matches!(rule.ask(state_ns, 0, 40), Verdict::Pass { left: 0, .. }));
        assert!(matches!(rule.ask(state_ns, 0, 41), Verdict::Wait(_)));
    }

    proptest! {
        /// The oracle rounds its intervals to whole nanoseconds as ours does where the rate divides
        /// a minute, so that both say the same to the nanosecond.
        #[test]
        fn it_decides_as_governor_does(
            per_minute in prop::sample::select(vec![1_u32, 2, 3, 10, 60, 600, 1_000, 60_000]),
            steps in prop::collection::vec((0_u64..40_000_000_000, 1_u32..2_000), 1..60),
        ) {
            let rule = Gcra::per_minute(per_minute);
            let rate = NonZeroU32::new(per_minute).ok_or(TestCaseError::fail("a rate"))?;
            let clock = FakeRelativeClock::default();
            let oracle =
                RateLimiter::direct_with_clock(Quota::per_minute(rate), clock.clone());
            let (mut now_ns, mut state_ns) = (0, 0);
            for (pause_ns, units) in steps {
                clock.advance(Duration::from_nanos(pause_ns));
                now_ns += i64::try_from(pause_ns).unwrap_or(0);
                let units = NonZeroU32::new(units).ok_or(TestCaseError::fail("units"))?;
                let verdict = rule.ask(state_ns, now_ns, units.get());
                match oracle.check_n(units) {
                    Ok(Ok(())) => {
                        let Verdict::Pass { state_ns: next, .. } = verdict else {
                            return Err(TestCaseError::fail(format!("{verdict:?}, not a pass")));
                        };
                        state_ns = next;
                    }
                    Ok(Err(not_until)) => {
                        let now = governor::clock::Clock::now(&clock);
                        let wait = not_until.wait_time_from(now);
                        prop_assert_eq!(verdict, Verdict::Wait(wait));
                    }
                    Err(_) => prop_assert_eq!(verdict, Verdict::Never),
                }
            }
        }

        #[test]
        fn never_more_than_the_rate_in_any_minute(
            per_minute in 1_u32..5_000,
            steps in prop::collection::vec((0_i64..5_000_000_000, 1_u32..200), 1..80),
        ) {
            let rule = Gcra::per_minute(per_minute);
            let (mut now_ns, mut state_ns) = (0, 0);
            let mut passed: Vec<(i64, u64)> = Vec::new();
            for (pause_ns, units) in steps {
                now_ns += pause_ns;
                match rule.ask(state_ns, now_ns, units) {
                    Verdict::Pass { state_ns: next, left } => {
                        prop_assert!(left <= per_minute);
                        state_ns = next;
                        passed.push((now_ns, units.into()));
                    }
                    Verdict::Wait(wait) => {
                        // Exactly then, and not a nanosecond earlier.
                        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
                        let then = rule.ask(state_ns, now_ns + wait_ns, units);
                        let passes = matches!(then, Verdict::Pass { .. });
                        prop_assert!(passes);
                        let before = rule.ask(state_ns, now_ns + wait_ns - 1, units);
                        prop_assert!(matches!(before, Verdict::Wait(_)));
                    }
                    Verdict::Never => prop_assert!(units > per_minute),
                }
            }
            // A burst and what came back during the minute: at most twice the rate.
            for (from, _) in &passed {
                let minute = *from..from + 60_000_000_000;
                let inside = passed.iter().filter(|(at, _)| minute.contains(at));
                let sum: u64 = inside.map(|(_, units)| units).sum();
                prop_assert!(sum <= 2 * u64::from(per_minute));
            }
        }

        #[test]
        fn it_never_overflows(
            per_minute in any::<u32>(), state_ns in any::<i64>(), now_ns in any::<i64>(),
            units in any::<u32>(),
        ) {
            let rule = Gcra::per_minute(per_minute);
            let _ = rule.ask(state_ns, now_ns, units);
            let _ = rule.give_back(state_ns, units);
            let _ = rule.standing(state_ns, now_ns);
        }
    }
}
