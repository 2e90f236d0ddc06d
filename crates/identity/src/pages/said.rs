//! Numbers, money and times as people write them.

use std::time::Duration;

use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{Value, Words};
use tollgate_kernel::figures::DOLLAR;
pub(crate) use tollgate_kernel::figures::{money, number, read_money};
use tollgate_kernel::{Nano, Timestamp, Unit};

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// An amount with its unit.
pub(crate) fn amount(w: &Words, unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => money(n),
        Unit::Tokens => counted(w, "amount-tokens", n),
        Unit::Calls => counted(w, "amount-calls", n),
    }
}

fn counted(w: &Words, key: &str, n: i64) -> String {
    w.with(key, &[("n", Value::from(n)), ("said", Value::from(number(n)))])
}

/// A day and time in UTC.
pub(crate) fn exact(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A day in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d").to_string()
}

/// A time that is past, as a cell: how long ago, and exactly when.
pub(crate) fn ago(w: &Words, now: Timestamp, at: Timestamp) -> Cell {
    let said = match steps(now.since(at)) {
        None => w.get("just-now"),
        Some((unit, n)) => w.with(&format!("ago-{unit}"), &[("n", Value::from(n))]),
    };
    Cell::Time { exact: at.rfc3339(), said }
}

/// How long until a time to come.
pub(crate) fn until(w: &Words, now: Timestamp, at: Timestamp) -> String {
    match steps(at.since(now)) {
        None => w.get("any-moment"),
        Some((unit, n)) => w.with(&format!("in-{unit}"), &[("n", Value::from(n))]),
    }
}

/// A time to come, as a cell.
pub(crate) fn ahead(w: &Words, now: Timestamp, at: Timestamp) -> Cell {
    let said = if at <= now { day(at) } else { until(w, now, at) };
    Cell::Time { exact: at.rfc3339(), said }
}

/// A stretch of time in the largest unit of which there are two, or else minutes.
fn steps(span: Duration) -> Option<(&'static str, u64)> {
    match span.as_secs() {
        0..MINUTE_S => None,
        s if s < 2 * HOUR_S => Some(("minutes", s / MINUTE_S)),
        s if s < 2 * DAY_S => Some(("hours", s / HOUR_S)),
        s => Some(("days", s / DAY_S)),
    }
}

/// Money as it is typed.
pub(crate) fn write_money(nano: Nano) -> String {
    let text = format!("{}.{:09}", nano / DOLLAR, nano % DOLLAR);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use tollgate_edge::Locale;

    use super::*;
    use crate::pages::TEXTS;

    #[test]
    fn money_is_read_as_it_is_written() {
        assert_eq!(write_money(5 * DOLLAR), "5");
        assert_eq!(write_money(DOLLAR / 4), "0.25");
        for nano in [0, 1, 5 * DOLLAR, 1_234_567_891] {
            assert_eq!(read_money(&write_money(nano)), Some(nano));
        }
    }

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let w = Words::new(Locale::En, &TEXTS);
        let now = Timestamp::from_secs(10_000_000);
        let said = |s: u64| match ago(&w, now, now.minus(Duration::from_secs(s))) {
            Cell::Time { said, .. } => said,
            _ => String::new(),
        };
        assert_eq!(said(5), "just now");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(3_600), "60 minutes ago");
        assert_eq!(said(7_200), "2 hours ago");
        assert_eq!(said(172_800), "2 days ago");
        assert_eq!(until(&w, now, now.plus(Duration::from_secs(7_300))), "in 2 hours");
    }
}
