//! Members that several nouns have: budgets, rates, names. How they are read and checked.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::shapes::said;
use tollgate_kernel::{Budget, Error, Rates};

/// The longest name for people, in characters.
const LONGEST_NAME: usize = 200;

/// A change of rates: what is left out stays, `null` is unlimited.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RatesChange {
    /// Calls in any minute.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) requests_per_minute: Option<Option<u32>>,
    /// Tokens in any minute.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) tokens_per_minute: Option<Option<u32>>,
    /// Calls at the same time.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) concurrent: Option<Option<u32>>,
}

impl RatesChange {
    /// Makes the change. A rate of nothing is refused: it would look like a mistake and stop all.
    pub(crate) fn apply(self, rates: &mut Rates) -> Result<(), Error> {
        let members = [
            ("requests_per_minute", self.requests_per_minute, &mut rates.requests_per_minute),
            ("tokens_per_minute", self.tokens_per_minute, &mut rates.tokens_per_minute),
            ("concurrent", self.concurrent, &mut rates.concurrent),
        ];
        for (name, change, rate) in members {
            if change == Some(Some(0)) {
                let what = "A rate is at least 1. Leave it out, or send null, for no limit.";
                return Err(Error::invalid(what).with_param(format!("rates.{name}")));
            }
            if let Some(value) = change {
                *rate = value;
            }
        }
        Ok(())
    }
}

/// Checks the budgets in the member called `name`.
pub(crate) fn checked_budgets(name: &str, budgets: Vec<Budget>) -> Result<Vec<Budget>, Error> {
    Budget::check(&budgets).map_err(|error| {
        let place = error.param().and_then(|param| param.strip_prefix("budgets"));
        let param = format!("{name}{}", place.unwrap_or_default());
        Error::invalid(error.detail().to_owned()).with_param(param)
    })?;
    Ok(budgets)
}

/// Checks a name for people: 1 to 200 characters that can be seen.
pub(crate) fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let what = format!("A name has 1 to {LONGEST_NAME} characters and no line breaks.");
    Err(Error::invalid(what).with_param("name"))
}

/// A member that a new object cannot be without.
pub(crate) fn needed<T>(member: Option<T>, name: &'static str) -> Result<T, Error> {
    member.ok_or_else(|| {
        Error::invalid(format!("A new object needs the member {name}.")).with_param(name)
    })
}

/// Refuses a change of the name by which an object is found.
pub(crate) fn same_id<T: PartialEq>(said: Option<&T>, id: &T) -> Result<(), Error> {
    match said {
        Some(other) if other != id => {
            let what = "An id cannot be changed. Make a new object, then delete this one.";
            Err(Error::invalid(what).with_param("id"))
        }
        _ => Ok(()),
    }
}
