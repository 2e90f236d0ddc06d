//! A plan as the file has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::ProfileShape;
use tollgate_kernel::Plan;

use super::raw::{RawBudget, RawRates};

/// What its members may use. What a plan leaves out is unlimited, but for `max_output_tokens`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    /// Its name.
    pub(super) id: String,
    /// Models by name, or by the beginning of their names with a `*` after it.
    #[serde(default = "all_models")]
    pub(super) models: Vec<String>,
    /// Tools by name, `*` for all of them; left out, all of them too.
    pub(super) tools: Option<Vec<String>>,
    /// Rates of each member.
    #[serde(default)]
    pub(super) rates: RawRates,
    /// Budgets of each member.
    #[serde(default)]
    pub(super) budgets: Vec<RawBudget>,
    /// The time zone of its days, weeks and months.
    #[serde(default = "utc")]
    pub(super) time_zone: String,
    /// The output ceiling of a call that states none, and the largest one.
    #[serde(default = "output_ceiling")]
    #[schemars(range(min = 1))]
    pub(super) max_output_tokens: u32,
    /// What goes into members' calls of models.
    #[schemars(with = "Option<ProfileShape>")]
    pub(super) profile: Option<serde_json::Value>,
}

fn all_models() -> Vec<String> {
    vec!["*".to_owned()]
}

fn utc() -> String {
    "UTC".to_owned()
}

fn output_ceiling() -> u32 {
    Plan::DEFAULT_MAX_OUTPUT_TOKENS
}
