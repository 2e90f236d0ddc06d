//! Rates and budgets as the command line takes them.

use clap::Args;
use tollgate_kernel::{Budget, Period, Unit};

/// Rates.
#[derive(Debug, Default, Args)]
pub struct RatesArgs {
    /// Calls in any minute; none is unlimited
    #[arg(long, value_name = "COUNT")]
    pub requests_per_minute: Option<RateArg>,
    /// Tokens in any minute; none is unlimited
    #[arg(long, value_name = "COUNT")]
    pub tokens_per_minute: Option<RateArg>,
    /// Calls at the same time; none is unlimited
    #[arg(long, value_name = "COUNT")]
    pub concurrent: Option<RateArg>,
}

/// A rate as the command line takes it: a count, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateArg(pub Option<u32>);

impl std::str::FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<u32>() {
            Ok(count) => Ok(Self(Some(count))),
            Err(_) if text == "none" => Ok(Self(None)),
            Err(_) => Err(format!("{text:?} is no count, and not \"none\"")),
        }
    }
}

/// A budget as the command line takes it: `UNIT:LIMIT:PERIOD`, money in nano-units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetArg(pub Budget);

impl std::str::FromStr for BudgetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not like tokens:100000:day (money, tokens or calls; money in \
                     nano-units, 5e9 is 5 dollars; day, week or month)"
            )
        };
        let [unit, limit, period] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err(wrong());
        };
        let unit =
            [Unit::Money, Unit::Tokens, Unit::Calls].into_iter().find(|u| u.as_str() == unit);
        let period =
            [Period::Day, Period::Week, Period::Month].into_iter().find(|p| p.as_str() == period);
        let (Some(unit), Some(limit), Some(period)) = (unit, amount(limit), period) else {
            return Err(wrong());
        };
        let budget = Budget { unit, limit, period };
        Budget::check(&[budget]).map_err(|error| error.detail().to_owned())?;
        Ok(Self(budget))
    }
}

/// Reads a whole number, also as `5e9`.
fn amount(text: &str) -> Option<i64> {
    let (digits, zeros) = text.split_once('e').unwrap_or((text, "0"));
    let factor = 10_i64.checked_pow(zeros.parse().ok()?)?;
    digits.parse::<i64>().ok()?.checked_mul(factor)
}
