//! Figures, times and budgets as people read them.

use serde_json::Value;
use tollgate_kernel::Timestamp;
pub(super) use tollgate_kernel::figures::{money, number};

/// A bar is so many characters long at most.
const BAR: i64 = 16;

/// Shown where there is nothing.
pub(super) const NONE: &str = "-";

/// An amount in the unit of a budget.
pub(super) fn amount(unit: &str, n: i64) -> String {
    if unit == "money" { money(n) } else { number(n) }
}

/// A moment without what nobody reads: `2026-11-21 07:30Z`. What is no moment stays.
pub(super) fn moment(text: &str) -> String {
    let Ok(at) = Timestamp::parse(text) else { return text.to_owned() };
    let at = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// A list of budgets: `100,000 tokens/day, $5.00/month`.
pub(super) fn budgets(list: &Value) -> String {
    let one = |budget: &Value| {
        let text = |name: &str| budget.get(name).and_then(Value::as_str).unwrap_or(NONE);
        let limit = budget.get("limit").and_then(Value::as_i64).unwrap_or_default();
        match text("unit") {
            "money" => format!("{}/{}", money(limit), text("period")),
            unit => format!("{} {unit}/{}", number(limit), text("period")),
        }
    };
    joined(list, one)
}

/// Rates: `20 requests/min, 3 at once`.
pub(super) fn rates(rates: &Value) -> String {
    let named = [
        ("requests_per_minute", " requests/min"),
        ("tokens_per_minute", " tokens/min"),
        ("concurrent", " at once"),
    ];
    let shown = named.iter().filter_map(|(name, words)| {
        let rate = rates.get(name).and_then(Value::as_i64)?;
        Some(format!("{}{words}", number(rate)))
    });
    or_none(shown.collect::<Vec<_>>().join(", "))
}

/// The texts of a list, one after the other.
pub(super) fn texts(list: &Value) -> String {
    joined(list, |item| item.as_str().unwrap_or(NONE).to_owned())
}

/// A bar for `part` of `most`. Nothing has no bar; something always has one.
pub(super) fn bar(part: i64, most: i64) -> String {
    if part <= 0 || most <= 0 {
        return String::new();
    }
    let long = i128::from(part) * i128::from(BAR) / i128::from(most);
    "█".repeat(usize::try_from(long).unwrap_or(0).max(1))
}

fn joined(list: &Value, one: impl Fn(&Value) -> String) -> String {
    let items = list.as_array().map(|items| items.iter().map(one).collect::<Vec<_>>());
    or_none(items.unwrap_or_default().join(", "))
}

fn or_none(text: String) -> String {
    if text.is_empty() { NONE.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_plain() {
        assert_eq!(moment("2026-11-21T07:30:59.123456Z"), "2026-11-21 07:30Z");
        assert_eq!(moment("2026-11-21T07:30:00+02:00"), "2026-11-21 05:30Z");
        assert_eq!(moment("tomorrow"), "tomorrow");
    }

    #[test]
    fn budgets_and_rates_are_one_line() {
        let list = json!([
            { "unit": "money", "limit": 5_000_000_000_i64, "period": "month" },
            { "unit": "tokens", "limit": 100_000, "period": "day" },
        ]);
        assert_eq!(budgets(&list), "$5.00/month, 100,000 tokens/day");
        assert_eq!((budgets(&json!([])), budgets(&json!(null))), ("-".into(), "-".into()));
        let both = json!({ "requests_per_minute": 20, "concurrent": 3, "tokens_per_minute": null });
        assert_eq!(rates(&both), "20 requests/min, 3 at once");
        assert_eq!(rates(&json!({})), "-");
    }

    #[test]
    fn bars_grow_with_their_part() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(1, 1_000_000).chars().count(), 1);
        assert_eq!(bar(5, 10).chars().count(), 8);
        assert_eq!(bar(i64::MAX, i64::MAX).chars().count(), 16);
    }
}
