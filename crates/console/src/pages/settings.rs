//! `/admin/settings`: who may sign up, and the default plan.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Definitions};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Slug};
use tollgate_store::PageRequest;

use super::form::{About, Control, FormPage, Part, Select, Wrong, saved_to};
use super::parts::{Section, saved};
use super::{say, words};
use crate::settings::{self, Registration, SettingsChange, SettingsView};
use crate::state::ConsoleState;

/// The settings as a form has them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsForm {
    registration: Registration,
    /// The plan; empty for none.
    default_plan: String,
}

/// `GET /admin/settings`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, settings::READ)?;
    let now = settings::read(&state, &warrant).await?;
    let plans = plan_options(&state, &warrant, w.get("no-plan")).await?;
    let mut page = form_page(&visit, w, &now, plans, &[]);
    page.banner = saved(w, part.saved.is_some());
    page.show(visit)
}

/// `POST /admin/settings`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<SettingsForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, settings::WRITE)?;
    let wrong = match plan_of(&form.default_plan) {
        Ok(plan) => {
            let registration = Some(form.registration);
            let change = SettingsChange { registration, default_plan: Some(plan), budgets: None };
            match settings::alter(&state, &caller, change).await {
                Ok(_) => return saved_to(Section::Settings),
                Err(error) => Wrong::of(w, error, &["default_plan"])?,
            }
        }
        Err(_) => vec![Wrong::at(w, "default_plan", "wrong-default_plan")],
    };
    let now = settings::read(&state, &warrant).await?;
    let plans = plan_options(&state, &warrant, w.get("no-plan")).await?;
    let typed = SettingsView { registration: form.registration, ..now };
    let page = form_page(&visit, w, &typed, plans, &wrong);
    page.refuse(visit)
}

/// The plan that is chosen; empty is none.
pub(crate) fn plan_of(chosen: &str) -> Result<Option<Slug>, Error> {
    match chosen {
        "" => Ok(None),
        plan => Slug::parse(plan).map(Some).map_err(|error| error.with_param("plan")),
    }
}

/// The plans to choose from, after `none`.
pub(crate) async fn plan_options(
    state: &ConsoleState,
    warrant: &Warrant,
    none: String,
) -> Result<Vec<(String, String)>, Error> {
    let mut options = vec![(String::new(), none)];
    let plans = state.read(warrant).plans(&PageRequest::first(PageRequest::MAX)).await?;
    options.extend(plans.items.into_iter().map(|plan| (plan.id.to_string(), plan.id.to_string())));
    Ok(options)
}

fn form_page(
    visit: &Visit,
    w: Words,
    settings: &SettingsView,
    plans: Vec<(String, String)>,
    wrong: &[Wrong],
) -> FormPage {
    let registration = [Registration::Closed, Registration::Open].map(|choice| {
        let name = choice.as_str().to_owned();
        (name, w.get(&format!("registration-{}", choice.as_str())))
    });
    let budgets = say::budgets(w, &settings.budgets);
    let plan = settings.default_plan.as_ref().map_or_else(String::new, Slug::to_string);
    let controls = vec![
        Control::Select(Select {
            id: "registration",
            label: w.get("registration"),
            options: registration.into(),
            chosen: settings.registration.as_str().to_owned(),
            hint: Some(w.get("registration-hint")),
            error: None,
        }),
        Control::Select(Select {
            id: "default_plan",
            label: w.get("default-plan"),
            options: plans,
            chosen: plan,
            hint: Some(w.get("default-plan-hint")),
            error: Wrong::on(wrong, "default_plan"),
        }),
        Control::Facts(Definitions {
            items: vec![(w.get("installation-budgets"), Cell::Text(budgets))],
        }),
    ];
    let origin = visit.exchange().edge().origin();
    let line = format!(
        "curl -X PATCH {origin}/api/v1/settings -H \"Authorization: Bearer $TOLLGATE_ADMIN_KEY\" \
         -d '{{\"registration\": \"{}\"}}'",
        settings.registration.as_str()
    );
    FormPage::new(visit, Section::Settings, About::Section, controls, wrong, line)
}
