//! Figures as people read and type them. The three languages of the pages write them alike.

use crate::{Nano, Unit};

/// A dollar in nano-units.
const DOLLAR: Nano = 1_000_000_000;

/// Decimals of a nano-unit.
const DECIMALS: u32 = 9;

/// A number with its digits in groups of three: `1,234,567`.
pub fn number(n: i64) -> String {
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

/// Nano-units as dollars with two decimals, more where it takes them to show two digits:
/// `$1,234.50`, `$0.00042`. Rounded to what is shown.
pub fn money(nano: Nano) -> String {
    let sign = if nano < 0 { "-" } else { "" };
    let amount = u128::from(nano.unsigned_abs());
    let shows_two =
        |decimals: &u32| amount * 10_u128.pow(*decimals) >= 10 * u128::from(DOLLAR.unsigned_abs());
    let decimals = match amount {
        0 => 2,
        _ => (2..DECIMALS).find(shows_two).unwrap_or(DECIMALS),
    };
    let unit = 10_u128.pow(DECIMALS - decimals);
    let shown = (amount + unit / 2) / unit;
    let one = 10_u128.pow(decimals);
    let whole = i64::try_from(shown / one).unwrap_or(i64::MAX);
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{sign}${}.{:0width$}", number(whole), shown % one)
}

/// An amount in its unit: money with its sign, all else as a number.
pub fn amount(unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => money(n),
        Unit::Tokens | Unit::Calls => number(n),
    }
}

/// An amount as [`read`] reads it, exactly: money in dollars with two decimals or as many as it
/// takes, `5.00`, `0.125`, all else as plain digits.
pub fn typed(unit: Unit, n: i64) -> String {
    match unit {
        Unit::Money => {
            let sign = if n < 0 { "-" } else { "" };
            let (nano, dollar) = (n.unsigned_abs(), DOLLAR.unsigned_abs());
            let decimals = format!("{:09}", nano % dollar);
            format!("{sign}{}.{:0<2}", nano / dollar, decimals.trim_end_matches('0'))
        }
        Unit::Tokens | Unit::Calls => n.to_string(),
    }
}

/// Reads an amount as people type it, money in dollars. None if it is negative or no amount.
pub fn read(unit: Unit, text: &str) -> Option<i64> {
    match unit {
        Unit::Money => read_money(text),
        Unit::Tokens | Unit::Calls => read_number(text),
    }
}

/// Reads dollars as people type them, `$5`, `1,234.50`, `1 234.50`, in nano-units. What is
/// negative, finer than a nano-unit, or no amount at all is none.
fn read_money(text: &str) -> Option<Nano> {
    let text = plain(text);
    let text = text.strip_prefix('$').unwrap_or(&text);
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let nano: Nano = format!("{decimals:0<9}").parse().ok()?;
    whole.parse::<Nano>().ok()?.checked_mul(DOLLAR)?.checked_add(nano)
}

/// Reads a whole number as people type it: `100000`, `100,000`, `100 000`. None if it is negative
/// or no number.
pub fn read_number(text: &str) -> Option<i64> {
    plain(text).parse().ok().filter(|n| *n >= 0)
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
            (12_345_678, "$0.012"),
            (126_000_000, "$0.13"),
            (999_999_999, "$1.00"),
            (1_999_000_000, "$2.00"),
            (1_234_500_000_000, "$1,234.50"),
            (-2_500_000_000, "-$2.50"),
            (i64::MAX, "$9,223,372,036.85"),
            (i64::MIN, "-$9,223,372,036.85"),
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
        assert_eq!(number(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn what_is_typed_is_read_back() {
        for (unit, n, text) in [
            (Unit::Money, 0, "0.00"),
            (Unit::Money, 1, "0.000000001"),
            (Unit::Money, 5 * DOLLAR, "5.00"),
            (Unit::Money, DOLLAR / 2, "0.50"),
            (Unit::Money, DOLLAR / 8, "0.125"),
            (Unit::Money, 1_234_567_891, "1.234567891"),
            (Unit::Tokens, 100_000, "100000"),
            (Unit::Calls, 7, "7"),
        ] {
            assert_eq!(typed(unit, n), text);
            assert_eq!(read(unit, text), Some(n), "{text}");
        }
        assert_eq!(typed(Unit::Money, -3 * DOLLAR / 2), "-1.50");
        assert_eq!(typed(Unit::Money, i64::MIN), "-9223372036.854775808");
    }

    #[test]
    fn money_and_numbers_are_read_as_people_type_them() {
        for (text, nano) in [
            ("5", 5 * DOLLAR),
            (" $1,234.5 ", 1_234 * DOLLAR + DOLLAR / 2),
            ("1 000.25", 1_000 * DOLLAR + DOLLAR / 4),
            ("0.000000001", 1),
        ] {
            assert_eq!(read_money(text), Some(nano), "{text}");
        }
        assert_eq!(read_number("100 000"), Some(100_000));
        for bad in ["", ".", ".5", "-1", "1e9", "1.2.3", "1.0000000001", "five", "$", "99999999999"]
        {
            assert_eq!(read_money(bad), None, "{bad}");
        }
        for bad in ["", "-1", "1.5", "ten", "99999999999999999999"] {
            assert_eq!(read_number(bad), None, "{bad}");
        }
    }
}
