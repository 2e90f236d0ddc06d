//! Figures and times as people say them.

use jiff::tz::TimeZone;
use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{Value, Words};
use tollgate_gate::TroubleKind;
use tollgate_kernel::figures::DOLLAR;
pub(crate) use tollgate_kernel::figures::{amount, money, number, read_money, read_number};
use tollgate_kernel::{Budget, Period, Timestamp, Unit};

/// The text that says what the owner should mend at an upstream.
pub(crate) const fn trouble(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::KeyRefused => "need-key-refused",
        TroubleKind::QuotaSpent => "need-quota-spent",
        TroubleKind::SecretLeaked => "need-secret-leaked",
    }
}

/// What a budget counts and how long it lasts: `Tokens each day`.
pub(crate) fn budget_name(w: Words, unit: Unit, period: Period) -> String {
    w.get(&format!("budget-{}-{}", unit.as_str(), period.as_str()))
}

/// A budget in one line: `Tokens each day: 100,000`.
pub(crate) fn budget(w: Words, budget: &Budget) -> String {
    let Budget { unit, limit, period } = *budget;
    let name = budget_name(w, unit, period);
    let limit = amount(unit, limit);
    w.with("budget-line", &[("name", name.into()), ("limit", limit.into())])
}

/// Budgets in one line, or that there is no limit.
pub(crate) fn budgets(w: Words, budgets: &[Budget]) -> String {
    if budgets.is_empty() {
        return w.get("unlimited");
    }
    budgets.iter().map(|one| budget(w, one)).collect::<Vec<_>>().join(" · ")
}

/// A moment: how long ago, with the exact time behind it.
pub(crate) fn ago(w: Words, at: Timestamp, now: Timestamp) -> Cell {
    let seconds = now.since(at).as_secs();
    let said = match seconds {
        0..60 => w.get("ago-now"),
        60..3_600 => counted(w, "ago-minutes", seconds / 60),
        3_600..86_400 => counted(w, "ago-hours", seconds / 3_600),
        86_400..2_592_000 => counted(w, "ago-days", seconds / 86_400),
        _ => at.to_jiff().to_zoned(TimeZone::UTC).date().to_string(),
    };
    Cell::Time { exact: at.rfc3339(), said }
}

/// A moment in UTC to the second, where the zone is named beside it.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment to the second, its zone named.
pub(crate) fn second(at: Timestamp) -> String {
    format!("{} UTC", clock(at))
}

/// A moment to the minute, its zone named.
pub(crate) fn minute(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn counted(w: Words, key: &str, count: u64) -> String {
    w.with(key, &[("count", Value::from(count))])
}

/// An amount as [`read_money`] and [`read_number`] read it.
pub(crate) fn typed(unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => {
            let decimals = format!("{:09}", n % DOLLAR);
            let decimals = decimals.trim_end_matches('0');
            format!("{}.{decimals:0<2}", n / DOLLAR)
        }
        Unit::Tokens | Unit::Calls => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_in_a_form_is_read_back() {
        for (unit, n) in [
            (Unit::Money, 0),
            (Unit::Money, 5_000_000_000),
            (Unit::Money, 1_234_567_891),
            (Unit::Tokens, 100_000),
            (Unit::Calls, 7),
        ] {
            let text = typed(unit, n);
            let read = if unit == Unit::Money { read_money(&text) } else { read_number(&text) };
            assert_eq!(read, Some(n), "{text}");
        }
        assert_eq!(typed(Unit::Money, 5_000_000_000), "5.00");
    }
}
