//! Stretches of time in queries: `from` and `to`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tollgate_kernel::{Error, Timestamp};

/// How many days are looked at unless the caller says: today and the 29 before.
const USUAL_DAYS: i64 = 30;

/// The longest stretch, in days.
const LONGEST_DAYS: i64 = 400;

const DAY_US: i64 = 86_400_000_000;

/// A stretch of time: from `from`, up to but without `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first moment inside.
    pub(crate) from: Timestamp,
    /// The first moment after.
    pub(crate) to: Timestamp,
}

impl Span {
    /// Reads `from` and `to`: days (`2026-11-21`, UTC; `to` is the last day inside) or moments
    /// (RFC 3339; `to` is the first one outside). Without both, the last 30 days, today included.
    pub(crate) fn read(
        from: Option<&str>,
        to: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let tomorrow = start_of_day(now, 1);
        let to = match to.filter(|text| !text.is_empty()) {
            None => tomorrow,
            Some(text) => match text.parse::<Date>() {
                Ok(day) if !text.contains('T') => start_of_day(moment_of(day, "to")?, 1),
                _ => moment(text, "to")?,
            },
        };
        let from = match from.filter(|text| !text.is_empty()) {
            None => start_of_day(Timestamp::from_micros(to.micros() - 1), 1 - USUAL_DAYS),
            Some(text) => match text.parse::<Date>() {
                Ok(day) if !text.contains('T') => moment_of(day, "from")?,
                _ => moment(text, "from")?,
            },
        };
        let fault = |what: &'static str| Err(Error::invalid(what).with_param("from"));
        if from >= to {
            return fault("from is not before to. Swap them, or leave both out.");
        }
        if to.micros() - from.micros() > LONGEST_DAYS * DAY_US {
            return fault("This is more than 400 days. Ask for a shorter stretch.");
        }
        Ok(Self { from, to })
    }

    /// Today (UTC).
    pub(crate) fn today(now: Timestamp) -> Self {
        Self { from: start_of_day(now, 0), to: start_of_day(now, 1) }
    }
}

/// A day, as the ledger counts them, in its usual form: `2026-11-21`.
pub(crate) fn day_name(day: i64) -> String {
    let moment = Timestamp::from_micros(day.saturating_mul(DAY_US)).to_jiff();
    moment.to_zoned(TimeZone::UTC).date().to_string()
}

fn start_of_day(at: Timestamp, days_later: i64) -> Timestamp {
    let day = at.micros().div_euclid(DAY_US) + days_later;
    Timestamp::from_micros(day * DAY_US)
}

fn moment(text: &str, param: &'static str) -> Result<Timestamp, Error> {
    let read = Timestamp::parse(text).ok().filter(|at| in_reach(*at));
    read.ok_or_else(|| {
        let what = "A day looks like 2026-11-21, a moment like 2026-11-21T07:30:00Z.";
        Error::invalid(what).with_param(param)
    })
}

fn moment_of(day: Date, param: &'static str) -> Result<Timestamp, Error> {
    moment(&format!("{day}T00:00:00Z"), param)
}

/// Years in which arithmetic with days cannot overflow.
fn in_reach(at: Timestamp) -> bool {
    (0..=253_402_300_799_000_000).contains(&at.micros())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn span(from: Option<&str>, to: Option<&str>) -> Result<(String, String), Error> {
        let now = Timestamp::parse("2026-11-21T07:30:00Z").unwrap();
        Span::read(from, to, now).map(|span| (span.from.rfc3339(), span.to.rfc3339()))
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn days_are_whole_and_moments_are_exact() {
        let usual = pair("2026-10-23T00:00:00Z", "2026-11-22T00:00:00Z");
        assert_eq!(span(None, None).unwrap(), usual);
        assert_eq!(span(Some(""), Some("")).unwrap(), usual);
        let one_day = pair("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
        assert_eq!(span(Some("2026-11-20"), Some("2026-11-20")).unwrap(), one_day);
        let exact = pair("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z");
        let asked = span(Some("2026-11-20T01:00:00Z"), Some("2026-11-20T02:00:00Z"));
        assert_eq!(asked.unwrap(), exact);
        let before = pair("2026-10-22T00:00:00Z", "2026-11-21T00:00:00Z");
        assert_eq!(span(None, Some("2026-11-20")).unwrap(), before);
    }

    #[test]
    fn absurd_stretches_are_refused() {
        let cases = [
            (Some("2026-11-21"), Some("2026-11-20"), "from"),
            (Some("1970-01-01"), None, "from"),
            (Some("yesterday"), None, "from"),
            (None, Some("-9999-01-01"), "to"),
            (Some("-009999-01-01T00:00:00Z"), None, "from"),
            (None, Some("9999-12-31T23:59:59-23:00"), "to"),
        ];
        for (from, to, param) in cases {
            let error = span(from, to).unwrap_err();
            assert_eq!(error.param(), Some(param), "{from:?} {to:?}");
        }
    }

    #[test]
    fn days_have_names() {
        assert_eq!(day_name(0), "1970-01-01");
        assert_eq!(day_name(20_778), "2026-11-21");
        assert_eq!(day_name(i64::MAX).len(), 10);
    }
}
