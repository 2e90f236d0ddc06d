//! Settings of the installation: who may sign up, the default plan, budgets over everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::{BudgetShape, said};
use tollgate_edge::{Body, Caller};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{Budget, Error, Manage, Noun, Slug};
use tollgate_store::AuditEvent;
use tollgate_store::settings::{DECLARED, DEFAULT_PLAN, INSTALLATION_BUDGETS, REGISTRATION};

use crate::members::checked_budgets;
use crate::state::{ConsoleState, changeable};

/// Looking at settings.
pub(crate) const READ: Manage = Manage::read(Noun::Settings);
/// Changing settings.
pub(crate) const WRITE: Manage = Manage::write(Noun::Settings);

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Registration {
    /// Everybody.
    Open,
    /// Nobody; people are added by those who manage the installation.
    #[default]
    Closed,
}

impl Registration {
    /// The name in the store, the API and forms.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A change of settings; what is left out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SettingsChange {
    /// Who may sign up.
    pub(crate) registration: Option<Registration>,
    /// The plan of people who have none from elsewhere; `null` is none.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) default_plan: Option<Option<Slug>>,
    /// Budgets over all calls of everybody.
    #[schemars(with = "Option<Vec<BudgetShape>>")]
    pub(crate) budgets: Option<Vec<Budget>>,
}

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SettingsView {
    /// Who may sign up.
    pub(crate) registration: Registration,
    /// The plan of people who have none from elsewhere.
    #[schemars(with = "Option<String>")]
    pub(crate) default_plan: Option<Slug>,
    /// Budgets over all calls of everybody.
    #[schemars(with = "Vec<BudgetShape>")]
    pub(crate) budgets: Vec<Budget>,
    /// Those that the configuration file declares: they are changed there.
    pub(crate) declared: Vec<String>,
}

/// `GET /api/v1/settings`.
pub(crate) async fn show(State(state): State<ConsoleState>, Caller(caller): Caller) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&read(&state, &warrant).await?)
}

/// `PATCH /api/v1/settings`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<SettingsChange>,
) -> Reply {
    reply::json(&alter(&state, &caller, change).await?)
}

/// The settings as they are.
pub(crate) async fn read(state: &ConsoleState, warrant: &Warrant) -> Result<SettingsView, Error> {
    let stored: BTreeMap<String, String> = state.read(warrant).settings().await?;
    let registration = match stored.get(REGISTRATION).map(String::as_str) {
        Some("open") => Registration::Open,
        // What is not understood opens nothing.
        _ => Registration::Closed,
    };
    let default_plan = stored.get(DEFAULT_PLAN).map(|id| Slug::parse(id)).transpose();
    let budgets = match stored.get(INSTALLATION_BUDGETS) {
        Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
        None => Vec::new(),
    };
    let default_plan = default_plan.map_err(Error::internal)?;
    let declared = match stored.get(DECLARED) {
        Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
        None => Vec::new(),
    };
    Ok(SettingsView { registration, default_plan, budgets, declared })
}

/// Changes settings, all of them or none, and gives them as they are then.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: SettingsChange,
) -> Result<SettingsView, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let SettingsChange { registration, default_plan, budgets } = change;
    let declared = read(state, &warrant).await?.declared;
    for (name, is_changed) in [
        (REGISTRATION, registration.is_some()),
        (DEFAULT_PLAN, default_plan.is_some()),
        (INSTALLATION_BUDGETS, budgets.is_some()),
    ] {
        let fixed = is_changed && declared.iter().any(|declared| declared == name);
        changeable(fixed).map_err(|error| error.with_param(name))?;
    }
    let plan = default_plan.as_ref().and_then(Option::as_ref);
    state.known_plan(&warrant, plan, "default_plan").await?;
    let budgets = budgets.map(|budgets| checked_budgets("budgets", budgets)).transpose()?;
    let budgets = budgets.map(|list| serde_json::to_string(&list)).transpose();
    let budgets = budgets.map_err(Error::internal)?;
    let mut tx = state.gate.begin(&warrant).await?;
    let mut changed = Vec::new();
    if let Some(registration) = registration {
        tx.set_setting(REGISTRATION, Some(registration.as_str())).await?;
        changed.push(REGISTRATION);
    }
    if let Some(plan) = default_plan {
        tx.set_setting(DEFAULT_PLAN, plan.as_ref().map(Slug::as_str)).await?;
        changed.push(DEFAULT_PLAN);
    }
    if let Some(budgets) = budgets {
        tx.set_setting(INSTALLATION_BUDGETS, Some(&budgets)).await?;
        changed.push(INSTALLATION_BUDGETS);
    }
    if !changed.is_empty() {
        let target = format!("settings:{}", changed.join(","));
        state.commit(tx, AuditEvent::new("settings.update", target)).await?;
    }
    read(state, &warrant).await
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
