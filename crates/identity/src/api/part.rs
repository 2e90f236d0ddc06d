//! What several answers and requests have in common, and how the document describes it.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use tollgate_kernel::Error;
use tollgate_store::PageRequest;

/// How many items a page has when nothing is said.
const PAGE: u32 = 50;

/// A part of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Listing<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next part; null on the last.
    pub(crate) next: Option<String>,
}

/// The part that `limit` and `cursor` ask for, of a list that is sorted by ids of the type `Id`. An
/// absurd limit is refused, and a cursor that is none.
pub(crate) fn page_request<Id: FromStr + ToString>(
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<PageRequest, Error> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PageRequest::MAX).contains(&limit) {
        let what = format!("A page has 1 to {} items.", PageRequest::MAX);
        return Err(Error::invalid(what).with_param("limit"));
    }
    let read = |cursor: &str| cursor.parse().map(|id: Id| id.to_string());
    let after = cursor.map(read).transpose().map_err(|_| {
        let what = "The cursor does not belong to this list. Start again without one.";
        Error::invalid(what).with_param("cursor")
    })?;
    Ok(PageRequest { after, limit })
}

/// Tells a member that is null from one that is not there: a change takes the former away and
/// leaves the latter.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Calls and tokens in any minute, and calls at the same time; what is left out is unlimited.
#[derive(JsonSchema)]
#[schemars(rename = "Rates", deny_unknown_fields)]
#[expect(dead_code, reason = "describes tollgate_kernel::Rates in the document")]
pub(crate) struct RatesShape {
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    concurrent: Option<u32>,
}

/// At most `limit` of `unit` in each `period`; money in nano-units.
#[derive(JsonSchema)]
#[schemars(rename = "Budget", deny_unknown_fields)]
#[expect(dead_code, reason = "describes tollgate_kernel::Budget in the document")]
pub(crate) struct BudgetShape {
    unit: UnitShape,
    limit: i64,
    period: PeriodShape,
}

#[derive(JsonSchema)]
#[schemars(rename = "Unit", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes tollgate_kernel::Unit in the document")]
pub(crate) enum UnitShape {
    Money,
    Tokens,
    Calls,
}

#[derive(JsonSchema)]
#[schemars(rename = "Period", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes tollgate_kernel::Period in the document")]
pub(crate) enum PeriodShape {
    Day,
    Week,
    Month,
}
