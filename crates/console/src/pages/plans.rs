//! `/admin/plans`: the plans, and a form for each.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Field, Link};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_kernel::{ModelPattern, Plan, Rates, Slug, ToolPattern};
use tollgate_store::{PlanBody, PlanRecord};

use super::budgets::BudgetFields;
use super::collection::Collection;
use super::form::{About, Area, Control, FormPage, Part, Wrong, saved_to};
use super::parts::Section;
use super::profile::ProfileFields;
use super::{say, words};
use crate::listing::Cursors;
use crate::members::RatesChange;
use crate::plans::{self, PlanChange};
use crate::state::ConsoleState;

/// A plan as a form has it. An empty field is no limit.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlanForm {
    /// Its name, in the form of a new one.
    id: String,
    /// A pattern on each line.
    models: String,
    /// A tool on each line, or `*`; a form that has no such field changes nothing of them.
    tools: Option<String>,
    requests_per_minute: String,
    tokens_per_minute: String,
    concurrent: String,
    time_zone: String,
    max_output_tokens: String,
    #[serde(flatten)]
    budgets: BudgetFields,
    #[serde(flatten)]
    profile: ProfileFields,
}

/// The controls of a new plan's form. Errors of the API's budgets cannot come from it.
const FIELDS: [&str; 8] = [
    "id",
    "models",
    "tools",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent",
    "time_zone",
    "max_output_tokens",
];

/// How a form says that all tools may be called.
const ALL_TOOLS: &str = "*";

impl PlanForm {
    fn of(record: &PlanRecord) -> Self {
        let PlanBody { models, tools, rates, budgets, time_zone, max_output_tokens, profile } =
            &record.body;
        let models: Vec<&str> = models.iter().map(ModelPattern::as_str).collect();
        let tools = tools
            .as_ref()
            .map_or(vec![ALL_TOOLS], |tools| tools.iter().map(ToolPattern::as_str).collect());
        let Rates { requests_per_minute, tokens_per_minute, concurrent } = rates;
        let rate = |rate: &Option<u32>| rate.map_or_else(String::new, |rate| rate.to_string());
        Self {
            id: record.id.to_string(),
            models: models.join("\n"),
            tools: Some(tools.join("\n")),
            requests_per_minute: rate(requests_per_minute),
            tokens_per_minute: rate(tokens_per_minute),
            concurrent: rate(concurrent),
            time_zone: time_zone.clone(),
            max_output_tokens: max_output_tokens.to_string(),
            budgets: BudgetFields::of(budgets),
            profile: ProfileFields::of(profile.as_ref()),
        }
    }

    /// The change that is meant, or all that is wrong; `known` is the name of a plan that exists.
    fn change(&mut self, w: Words, known: Option<Slug>) -> Result<PlanChange, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let id = known.or_else(|| Wrong::id(w, &self.id, &mut wrong));
        let models = self.models.split_whitespace().map(ModelPattern::parse);
        let models: Result<Vec<_>, _> = models.collect();
        let models = models.map_err(|_| Wrong::at(w, "models", "wrong-models"));
        let models = noted(models, &mut wrong);
        let tools = self.tools.as_deref().map(|text| read_tools(w, text));
        let tools = tools.and_then(|tools| noted(tools, &mut wrong));
        let mut limit = |name, text: &str| noted(rate(w, name, text), &mut wrong);
        let max_output_tokens = limit("max_output_tokens", &self.max_output_tokens);
        let rates = RatesChange {
            requests_per_minute: limit("requests_per_minute", &self.requests_per_minute),
            tokens_per_minute: limit("tokens_per_minute", &self.tokens_per_minute),
            concurrent: limit("concurrent", &self.concurrent),
        };
        let budgets = self.budgets.read(w, &mut wrong);
        let profile = Some(self.profile.read(w, &mut wrong));
        let zone = self.time_zone.trim();
        let zone = if zone.is_empty() { "UTC" } else { zone };
        if Plan::zone(zone).is_err() {
            wrong.push(Wrong::at(w, "time_zone", "wrong-time_zone"));
        }
        let time_zone = Some(zone.to_owned());
        if wrong.is_empty() {
            let (rates, budgets) = (Some(rates), Some(budgets));
            Ok(PlanChange {
                id,
                models,
                tools,
                rates,
                budgets,
                time_zone,
                max_output_tokens,
                profile,
            })
        } else {
            Err(wrong)
        }
    }
}

/// Reads the tools of a plan; `None` is all of them, whatever comes.
fn read_tools(w: Words, text: &str) -> Result<Option<Vec<ToolPattern>>, Wrong> {
    if text.trim() == ALL_TOOLS {
        return Ok(None);
    }
    let tools: Result<Vec<_>, _> = text.split_whitespace().map(ToolPattern::parse).collect();
    tools.map(Some).map_err(|_| Wrong::at(w, "tools", "wrong-tools"))
}

/// What was read; what could not be is noted.
fn noted<T>(read: Result<T, Wrong>, wrong: &mut Vec<Wrong>) -> Option<T> {
    read.map_err(|fault| wrong.push(fault)).ok()
}

/// Reads a whole number from 1 on; nothing is no limit.
fn rate(w: Words, name: &'static str, text: &str) -> Result<Option<u32>, Wrong> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = say::read_number(text).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    read.map(Some).ok_or_else(|| Wrong::at(w, name, "wrong-number"))
}

/// `GET /admin/plans`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, plans::READ)?;
    let cursors = Cursors::new(&state.gate, "plans");
    let page = state.read(&warrant).plans(&cursors.part(part.cursor)?).await?;
    let texts = ["plan", "models", "rates", "budgets"];
    let texts = texts.map(|key| Column::text(w.get(&format!("column-{key}"))));
    let ceiling = Column::number(w.get("column-max-output"));
    let list = Collection {
        section: Section::Plans,
        make: Link { href: "/admin/new-plan".to_owned(), text: w.get("plan-make") },
        columns: texts.into_iter().chain([ceiling]).collect(),
        rows: page.items.iter().map(|plan| row(w, plan)).collect(),
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate plan list",
    };
    list.show(visit)
}

fn row(w: Words, plan: &PlanRecord) -> Vec<Cell> {
    let PlanBody { models, rates, budgets, max_output_tokens, .. } = &plan.body;
    let href = format!("/admin/plans/{}", plan.id);
    let models: Vec<&str> = models.iter().map(ModelPattern::as_str).collect();
    let models = match models[..] {
        [] => w.get("no-models"),
        ["*"] => w.get("all-models"),
        _ => models.join(", "),
    };
    let rates = [
        ("rate-requests", rates.requests_per_minute),
        ("rate-tokens", rates.tokens_per_minute),
        ("rate-concurrent", rates.concurrent),
    ];
    let rates = rates.into_iter().filter_map(|(key, rate)| {
        let rate = say::number(rate?.into());
        Some(w.with(key, &[("limit", rate.into())]))
    });
    let rates: Vec<String> = rates.collect();
    let rates = if rates.is_empty() { w.get("unlimited") } else { rates.join(" · ") };
    vec![
        Cell::Link(Link { href, text: plan.id.to_string() }),
        Cell::Text(models),
        Cell::Text(rates),
        Cell::Text(say::budgets(w, budgets)),
        Cell::Number(say::number((*max_output_tokens).into())),
    ]
}

/// `GET /admin/new-plan`.
pub(crate) async fn blank(visit: Visit) -> Reply {
    let w = words(&visit);
    let form = PlanForm {
        models: "*".to_owned(),
        tools: Some(ALL_TOOLS.to_owned()),
        time_zone: "UTC".to_owned(),
        max_output_tokens: Plan::DEFAULT_MAX_OUTPUT_TOKENS.to_string(),
        ..PlanForm::default()
    };
    let page = form_page(&visit, w, form, None, &[]);
    page.show(visit)
}

/// `GET /admin/plans/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, plans::READ)?;
    let record = plans::find(&state, &warrant, &id).await?;
    let page = form_page(&visit, w, PlanForm::of(&record), Some(&record), &[]);
    page.show(visit)
}

/// `POST /admin/new-plan`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(mut form): Form<PlanForm>,
) -> Reply {
    let w = words(&visit);
    let wrong = match form.change(w, None) {
        Ok(change) => match plans::make(&state, &caller, change).await {
            Ok(_) => return saved_to(Section::Plans),
            Err(error) => Wrong::of(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, form, None, &wrong);
    page.refuse(visit)
}

/// `POST /admin/plans/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(mut form): Form<PlanForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, plans::WRITE)?;
    let record = plans::find(&state, &warrant, &id).await?;
    let wrong = match form.change(w, Some(id.clone())) {
        Ok(change) => match plans::alter(&state, &caller, &id, change).await {
            Ok(_) => return saved_to(Section::Plans),
            Err(error) => Wrong::of_known(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, form, Some(&record), &wrong);
    page.refuse(visit)
}

/// The form of `record`, or of a new plan.
fn form_page(
    visit: &Visit,
    w: Words,
    form: PlanForm,
    record: Option<&PlanRecord>,
    wrong: &[Wrong],
) -> FormPage {
    let controls = controls(w, form, record.is_none(), wrong);
    match record {
        None => {
            let line = "tollgate plan add small --model 'gpt-4o*' --budget tokens:100000:day";
            FormPage::new(visit, Section::Plans, About::New, controls, wrong, line)
        }
        Some(PlanRecord { id, declared, .. }) => {
            let line = format!("tollgate plan set {id} --concurrent 4");
            let about = About::One(id.as_str());
            let page = FormPage::new(visit, Section::Plans, about, controls, wrong, line);
            page.declared(w, *declared)
        }
    }
}

fn controls(w: Words, mut form: PlanForm, is_new: bool, wrong: &[Wrong]) -> Vec<Control> {
    let number = |id: &'static str, key: &str, value: &str| {
        let field = Field::new(id, "text", w.get(key)).value(value).optional();
        field.error(Wrong::on(wrong, id))
    };
    let mut controls = Vec::new();
    if is_new {
        controls.push(Control::id(w, ("plan-id", "id-hint"), form.id.clone(), wrong));
    }
    controls.push(Control::Area(Area {
        id: "models",
        label: w.get("column-models"),
        value: form.models.clone(),
        hint: Some(w.get("models-hint")),
        error: Wrong::on(wrong, "models"),
    }));
    controls.push(Control::Area(Area {
        id: "tools",
        label: w.get("plan-tools"),
        value: form.tools.take().unwrap_or_default(),
        hint: Some(w.get("plan-tools-hint")),
        error: Wrong::on(wrong, "tools"),
    }));
    let ceiling = Field::new("max_output_tokens", "text", w.get("max-output"));
    let ceiling = ceiling.value(form.max_output_tokens.clone()).hint(w.get("max-output-hint"));
    let ceiling = ceiling.error(Wrong::on(wrong, "max_output_tokens")).optional();
    controls.push(Control::Field(ceiling));
    let rates = vec![
        number("requests_per_minute", "requests-per-minute", &form.requests_per_minute),
        number("tokens_per_minute", "tokens-per-minute", &form.tokens_per_minute),
        number("concurrent", "concurrent", &form.concurrent),
    ];
    controls.push(Control::Limits { title: w.get("rates-heading"), fields: rates });
    controls.push(form.budgets.control(w, "budgets-heading", wrong));
    let zone = Field::new("time_zone", "text", w.get("time-zone")).value(form.time_zone.clone());
    let zone = zone.hint(w.get("time-zone-hint")).error(Wrong::on(wrong, "time_zone"));
    controls.push(Control::Field(zone));
    controls.extend(form.profile.controls(w, wrong));
    controls
}
