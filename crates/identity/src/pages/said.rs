//! Numbers, money and times as people write them.

use std::time::Duration;

use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{Value, Words};
use tollgate_kernel::{Nano, Timestamp, Unit};

const NANO: i64 = 1_000_000_000;
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// A whole number with its digits in groups, as all three languages write them.
pub(crate) fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        grouped.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Money with as many decimals as matter: at least two, and two digits that are not zero.
pub(crate) fn money(nano: Nano) -> String {
    let sign = if nano < 0 { "-" } else { "" };
    let amount = nano.unsigned_abs();
    let unit = NANO.unsigned_abs();
    let whole = i64::try_from(amount / unit).unwrap_or(i64::MAX);
    let decimals = format!("{:09}", amount % unit);
    let zeros = decimals.bytes().take_while(|b| *b == b'0').count();
    let shown = match (whole, zeros) {
        (0, 0..9) => (zeros + 2).clamp(2, 9),
        _ => 2,
    };
    let decimals: String = decimals.chars().take(shown).collect();
    format!("{sign}${}.{decimals}", number(whole))
}

/// An amount with its unit.
pub(crate) fn amount(w: &Words, unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => money(n),
        Unit::Tokens => counted(w, "amount-tokens", n),
        Unit::Calls => counted(w, "amount-calls", n),
    }
}

/// An amount beside another one of its unit.
pub(crate) fn bare(unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => money(n),
        Unit::Tokens | Unit::Calls => number(n),
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

/// Money as it is typed, `5` or `0.25`, in nano-units.
pub(crate) fn read_money(text: &str) -> Option<Nano> {
    let text = text.trim().trim_start_matches('$').replace(',', "");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 9 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let nano: Nano = format!("{decimals:0<9}").parse().ok()?;
    whole.parse::<Nano>().ok()?.checked_mul(NANO)?.checked_add(nano)
}

/// Money as it is typed.
pub(crate) fn write_money(nano: Nano) -> String {
    let text = format!("{}.{:09}", nano / NANO, nano % NANO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use tollgate_edge::Locale;

    use super::*;
    use crate::pages::TEXTS;

    #[test]
    fn numbers_are_grouped() {
        for (n, said) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(number(n), said);
        }
    }

    #[test]
    fn money_shows_two_digits_that_matter() {
        let cases = [
            (0, "$0.00"),
            (420_000, "$0.00042"),
            (123_456_789, "$0.12"),
            (1_999_000_000, "$1.99"),
            (1_234_500_000_000, "$1,234.50"),
            (1, "$0.000000001"),
            (-5_000_000_000, "-$5.00"),
        ];
        for (nano, said) in cases {
            assert_eq!(money(nano), said);
        }
    }

    #[test]
    fn money_is_read_as_it_is_written() {
        for (text, nano) in
            [("5", 5 * NANO), ("$1,000.25", 1_000 * NANO + NANO / 4), ("0.000000001", 1)]
        {
            assert_eq!(read_money(text), Some(nano));
        }
        assert_eq!(write_money(5 * NANO), "5");
        assert_eq!(write_money(NANO / 4), "0.25");
        for bad in ["", ".5", "1.2.3", "-1", "1e9", "0.0000000001", "99999999999999999999"] {
            assert_eq!(read_money(bad), None, "{bad}");
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
