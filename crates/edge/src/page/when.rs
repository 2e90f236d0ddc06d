//! Times as people say them.

use std::time::Duration;

use tollgate_kernel::Timestamp;

use super::locale::{Locale, Value, shell_words};
use super::parts::Cell;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

impl Cell {
    /// A time that is past: how long ago, with the exact time behind it.
    pub fn ago(locale: Locale, at: Timestamp, now: Timestamp) -> Self {
        let said = said(locale, now.since(at), "just-now", "ago");
        Self::Time { exact: at.rfc3339(), said }
    }
}

/// How long until a time to come: `in 2 hours`.
pub fn until(locale: Locale, at: Timestamp, now: Timestamp) -> String {
    said(locale, at.since(now), "any-moment", "in")
}

/// A stretch of time in the largest unit of which there are two, or else minutes; what is shorter
/// has the words of `short`.
fn said(locale: Locale, span: Duration, short: &str, direction: &str) -> String {
    let w = shell_words(locale);
    let (unit, n) = match span.as_secs() {
        0..MINUTE_S => return w.get(short),
        s if s < 2 * HOUR_S => ("minutes", s / MINUTE_S),
        s if s < 2 * DAY_S => ("hours", s / HOUR_S),
        s => ("days", s / DAY_S),
    };
    w.with(&format!("{direction}-{unit}"), &[("n", Value::from(n))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let now = Timestamp::from_secs(10_000_000);
        let said = |s: u64| match Cell::ago(Locale::En, now.minus(Duration::from_secs(s)), now) {
            Cell::Time { said, .. } => said,
            _ => String::new(),
        };
        assert_eq!(said(5), "just now");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(3_600), "60 minutes ago");
        assert_eq!(said(7_200), "2 hours ago");
        assert_eq!(said(172_800), "2 days ago");
        let later = now.plus(Duration::from_secs(7_300));
        assert_eq!(until(Locale::En, later, now), "in 2 hours");
        assert_eq!(until(Locale::Ja, now, now), "まもなく");
    }
}
