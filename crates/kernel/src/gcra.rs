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
