//! The windows that budgets count in: calendar days, weeks and months in a time zone.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use crate::{Error, Period, Timestamp};

/// A stretch of time: from `start`, up to but without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first moment inside.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

impl Window {
    /// The window of `period` that contains `now`, by the calendar of `zone`. Weeks start on
    /// Monday.
    pub fn containing(now: Timestamp, period: Period, zone: &TimeZone) -> Result<Self, Error> {
        let local = now.to_jiff().to_zoned(zone.clone());
        Self::of(&local, period).map_err(Error::internal)
    }

    fn of(local: &Zoned, period: Period) -> Result<Self, jiff::Error> {
        let today = local.date();
        let (first, next) = match period {
            Period::Day => (today, today.tomorrow()?),
            Period::Week => {
                let past = today.weekday().since(Weekday::Monday);
                let monday = today.checked_sub(i64::from(past).days())?;
                (monday, monday.checked_add(7.days())?)
            }
            Period::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month())?)
            }
        };
        let zone = local.time_zone();
        let moment = |date: jiff::civil::Date| -> Result<Timestamp, jiff::Error> {
            let start = date.to_zoned(zone.clone())?;
            Ok(Timestamp::from_micros(start.timestamp().as_microsecond()))
        };
        Ok(Self { start: moment(first)?, end: moment(next)? })
    }

    /// Whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Looks a time zone up by its IANA name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name).map_err(|_| {
        Error::invalid(format!("{name:?} is not a time zone; use a name like Europe/Berlin or UTC"))
            .with_param("time_zone")
    })
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn window(now: &str, period: Period, name: &str) -> (String, String) {
        let now = Timestamp::parse(now).expect("a time");
        let window = Window::containing(now, period, &zone(name).expect("a zone")).expect("fits");
        assert!(window.contains(now));
        (window.start.rfc3339(), window.end.rfc3339())
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn windows_follow_the_calendar_of_the_zone() {
        assert_eq!(
            window("2026-11-21T23:30:00Z", Period::Day, "Asia/Tokyo"),
            pair("2026-11-21T15:00:00Z", "2026-11-22T15:00:00Z")
        );
        assert_eq!(
            window("2026-11-22T12:00:00Z", Period::Week, "UTC"),
            pair("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
        );
        assert_eq!(
            window("2026-12-31T23:59:59Z", Period::Month, "UTC"),
            pair("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
        );
    }

    #[test]
    fn a_day_of_daylight_saving_has_its_own_length() {
        assert_eq!(
            window("2026-03-29T12:00:00Z", Period::Day, "Europe/Berlin"),
            pair("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
        );
    }
}
