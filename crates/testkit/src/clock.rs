//! Time that a test sets forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tollgate_kernel::{Clock, SystemClock, Timestamp};

const DAY_US: i64 = 86_400_000_000;

/// The machine's clocks, ahead of them by as much as a test says.
pub struct LeapingClock {
    base: SystemClock,
    ahead_us: AtomicI64,
}

impl LeapingClock {
    /// A clock that begins at the next noon of UTC: no day ends in the middle of a test.
    pub fn at_noon() -> Arc<Self> {
        let base = SystemClock::new();
        let noon = DAY_US - base.now().micros().rem_euclid(DAY_US) + DAY_US / 2;
        Arc::new(Self { base, ahead_us: AtomicI64::new(noon) })
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

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        self.base.now().plus(self.ahead())
    }

    fn elapsed(&self) -> Duration {
        self.base.elapsed() + self.ahead()
    }
}
