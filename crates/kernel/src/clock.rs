//! Time, handed in. `now()` is called nowhere else.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

use crate::Error;

const DAY_US: i64 = 86_400_000_000;

/// A moment: microseconds since the Unix epoch, UTC. This is how times stand in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `us` microseconds after the Unix epoch.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// The moment `s` seconds after the Unix epoch, as tokens carry it.
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment and `by` more, saturating at the end of time.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment less `by`.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC, as the management API writes times.
    pub fn rfc3339(self) -> String {
        self.to_jiff().to_string()
    }

    /// Writes the same behind what `out` holds.
    pub fn write_rfc3339(self, out: &mut String) {
        // Writing to memory does not fail.
        let _ = DateTimePrinter::new().print_timestamp(&self.to_jiff(), out);
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| {
            Error::invalid(format!("{text:?} is not a time like 2026-11-21T07:30:00Z"))
        })?;
        Ok(Self(parsed.as_microsecond()))
    }

    /// The same moment as `jiff` has it, clamped to what it can hold.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.detail()))
    }
}

/// The wall clock and a clock that never goes back.
pub trait Clock: Send + Sync {
    /// The time of day, for what is stored, shown and compared with expiries.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process, for time-outs and rates. A wall clock that is
    /// set back or forward does not move it.
    fn elapsed(&self) -> Duration;
}

/// The machine's clocks.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::elapsed`] starts now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Timestamp(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => us(since),
            Err(before) => -us(before.duration()),
        })
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands until a test moves it.
pub struct ManualClock {
    now_us: AtomicI64,
    elapsed_us: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self { now_us: AtomicI64::new(start.0), elapsed_us: AtomicI64::new(0) }
    }

    /// Lets `by` go past on both clocks.
    pub fn advance(&self, by: Duration) {
        let us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.now_us.fetch_add(us, Ordering::SeqCst);
        self.elapsed_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or a broken time server does.
    pub fn jump_to(&self, to: Timestamp) {
        self.now_us.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_us.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        let us = self.elapsed_us.load(Ordering::SeqCst);
        Duration::from_micros(u64::try_from(us).unwrap_or(0))
    }
}

/// The machine's clocks, ahead of them by as much as a test says.
pub struct LeapingClock {
    base: SystemClock,
    ahead_us: AtomicI64,
}

impl LeapingClock {
    /// A clock that goes with the machine's, until it is set forward.
    pub fn new() -> Self {
        Self { base: SystemClock::new(), ahead_us: AtomicI64::new(0) }
    }

    /// A clock that begins at the next noon of UTC: no day ends in the middle of a test.
    pub fn at_noon() -> Self {
        let clock = Self::new();
        let noon = DAY_US - clock.now().micros().rem_euclid(DAY_US) + DAY_US / 2;
        clock.ahead_us.store(noon, Ordering::SeqCst);
        clock
    }

    /// Sets both clocks forward.
    pub fn leap(&self, by: Duration) {
        let us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead_us.fetch_add(us, Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_micros(self.ahead_us.load(Ordering::SeqCst).unsigned_abs())
    }
}

impl Default for LeapingClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        self.base.now().plus(self.ahead())
    }

    fn elapsed(&self) -> Duration {
        self.base.elapsed() + self.ahead()
    }
}
