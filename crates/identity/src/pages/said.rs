//! Numbers, money and times as people write them.

use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{Value, Words, until};
pub(crate) use tollgate_kernel::figures::{money, number};
use tollgate_kernel::{Timestamp, Unit};

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

/// A time to come, as a cell.
pub(crate) fn ahead(w: &Words, now: Timestamp, at: Timestamp) -> Cell {
    let said = if at <= now { day(at) } else { until(w.locale(), at, now) };
    Cell::Time { exact: at.rfc3339(), said }
}
