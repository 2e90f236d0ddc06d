//! How many requests were answered and how, for `/metrics`: a number each, no names.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use http::StatusCode;

use crate::error::Dialect;

/// Statuses are below this one; place 0 is for callers who left before there was one.
const STATUSES: usize = 600;

/// The requests of one process.
pub struct Traffic {
    models: [AtomicU64; STATUSES],
    management: [AtomicU64; STATUSES],
    pages: [AtomicU64; STATUSES],
    open: AtomicI64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let zero = || [const { AtomicU64::new(0) }; STATUSES];
        Self { models: zero(), management: zero(), pages: zero(), open: AtomicI64::new(0) }
    }

    pub(crate) fn begin(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, dialect: Dialect, status: Option<StatusCode>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let counts = match dialect {
            Dialect::OpenAi => &self.models,
            Dialect::Problem | Dialect::OAuth | Dialect::Bearer => &self.management,
            Dialect::Html => &self.pages,
        };
        let at = status.map_or(0, |status| usize::from(status.as_u16()));
        if let Some(count) = counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests that are being answered.
    pub fn open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Requests so far, by door and status; status 0 is a caller who left before there was one.
    pub fn answered(&self) -> Vec<(&'static str, usize, u64)> {
        let doors =
            [("models", &self.models), ("management", &self.management), ("pages", &self.pages)];
        let of = |(door, counts): (&'static str, &[AtomicU64; STATUSES])| {
            let counts = counts.iter().enumerate();
            let counts = counts.map(|(status, count)| (status, count.load(Ordering::Relaxed)));
            let seen = counts.filter(|(_, count)| *count > 0);
            seen.map(|(status, count)| (door, status, count)).collect::<Vec<_>>()
        };
        doors.into_iter().flat_map(of).collect()
    }
}
