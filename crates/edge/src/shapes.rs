//! What requests and answers of the management API have in common, whichever door they belong to.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use tollgate_kernel::Budget;

/// A part of a list.
#[derive(Serialize, JsonSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// The `cursor` of the next part; `null` on the last.
    pub next: Option<String>,
}

/// At most `limit` of `unit` in each `period`.
#[derive(JsonSchema)]
#[schemars(rename = "Budget", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
pub struct BudgetShape {
    /// What is counted.
    #[schemars(extend("enum" = ["money", "tokens", "calls"]))]
    unit: String,
    /// How much of it; money in nano-units.
    #[schemars(range(min = 0, max = Budget::MAX))]
    limit: i64,
    /// How long until it starts anew.
    #[schemars(extend("enum" = ["day", "week", "month"]))]
    period: String,
}

/// Rates; what is left out is unlimited.
#[derive(JsonSchema)]
#[schemars(rename = "Rates", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is written")]
pub struct RatesShape {
    /// Calls in any minute.
    requests_per_minute: Option<u32>,
    /// Tokens in any minute.
    tokens_per_minute: Option<u32>,
    /// Calls at the same time.
    concurrent: Option<u32>,
}

/// Reads a member that `null` takes away, so that it is not the same as one that is left out: the
/// `T` of a change is itself an `Option`.
pub fn said<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
