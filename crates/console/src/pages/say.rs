//! Figures and times as people say them.

use jiff::tz::TimeZone;
use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{Value, Words};
use tollgate_gate::TroubleKind;
use tollgate_kernel::{Budget, Nano, Period, Timestamp, Unit};

const DOLLAR: i64 = 1_000_000_000;

/// Decimals of a nano-unit.
const DECIMALS: u32 = 9;

/// The text that says what the owner should mend at an upstream.
pub(crate) const fn trouble(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::KeyRefused => "need-key-refused",
        TroubleKind::QuotaSpent => "need-quota-spent",
        TroubleKind::SecretLeaked => "need-secret-leaked",
    }
}

/// A number with its digits in groups of three. The three languages write it alike.
pub(crate) fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Money with two decimals, more where it takes them to show two digits: `$1,234.50`, `$0.00042`.
pub(crate) fn money(nano: Nano) -> String {
    let sign = if nano < 0 { "-" } else { "" };
    let amount = i128::from(nano).abs();
    let shows_two = |decimals: &u32| amount * 10_i128.pow(*decimals) >= 10 * i128::from(DOLLAR);
    let decimals = match amount {
        0 => 2,
        _ => (2..DECIMALS).find(shows_two).unwrap_or(DECIMALS),
    };
    let unit = 10_i128.pow(DECIMALS - decimals);
    // Rounded to what is shown.
    let shown = (amount + unit / 2) / unit;
    let one = 10_i128.pow(decimals);
    let whole = i64::try_from(shown / one).unwrap_or(i64::MAX);
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{sign}${}.{:0width$}", number(whole), shown % one)
}

/// An amount in its unit: money with its sign, all else as a number.
pub(crate) fn amount(unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => money(n),
        Unit::Tokens | Unit::Calls => number(n),
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

/// A moment to the second, its zone named.
pub(crate) fn second(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A moment to the minute, its zone named.
pub(crate) fn minute(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn counted(w: Words, key: &str, count: u64) -> String {
    w.with(key, &[("count", Value::from(count))])
}

/// Reads a whole number as people type it: `100000`, `100,000`, `100 000`.
pub(crate) fn read_number(text: &str) -> Option<i64> {
    plain(text).parse().ok().filter(|n| *n >= 0)
}

/// Reads an amount of money as people type it, `$5`, `1,234.50`, in nano-units.
pub(crate) fn read_money(text: &str) -> Option<Nano> {
    let text = plain(text);
    let text = text.strip_prefix('$').unwrap_or(&text);
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let nano: i64 = format!("{decimals:0<9}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(DOLLAR)?.checked_add(nano)
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

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_at_least_two_digits() {
        let cases = [
            (0, "$0.00"),
            (1, "$0.000000001"),
            (12, "$0.000000012"),
            (420_000, "$0.00042"),
            (9_999_999, "$0.0100"),
            (10_000_000, "$0.010"),
            (126_000_000, "$0.13"),
            (1_234_500_000_000, "$1,234.50"),
            (-5_000_000_000, "-$5.00"),
            (i64::MAX, "$9,223,372,036.85"),
        ];
        for (nano, said) in cases {
            assert_eq!(money(nano), said, "{nano}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (n, said) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(number(n), said);
        }
    }

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
        assert_eq!(read_money("$1,234.5"), Some(1_234_500_000_000));
        assert_eq!(read_number("100 000"), Some(100_000));
        for bad in ["", ".", "-1", "1.2.3", "1.0000000001", "five", "$", "99999999999"] {
            assert_eq!(read_money(bad), None, "{bad}");
        }
        for bad in ["", "-1", "1.5", "ten", "99999999999999999999"] {
            assert_eq!(read_number(bad), None, "{bad}");
        }
    }
}
