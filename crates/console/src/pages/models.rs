//! `/admin/models`: the model aliases with their prices, and a form for each.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Cell, Column, Definitions, Field, Link, Tone};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::{ModelFacts, Warrant};
use tollgate_kernel::{Class, Error, Slug};
use tollgate_store::ModelRecord;

use super::budgets::BudgetFields;
use super::collection::Collection;
use super::form::{About, Control, FormPage, Part, Select, Wrong, saved_to};
use super::parts::Section;
use super::{say, words};
use crate::listing::Cursors;
use crate::models::{self, ModelBody};
use crate::state::ConsoleState;

/// An alias as a form has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelForm {
    /// The name that callers use, in the form of a new one.
    id: String,
    upstream: String,
    model: String,
    #[serde(flatten)]
    budgets: BudgetFields,
}

const FIELDS: [&str; 3] = ["id", "upstream", "model"];

impl ModelForm {
    fn of(record: &ModelRecord) -> Self {
        Self {
            id: record.alias.to_string(),
            upstream: record.upstream.to_string(),
            model: record.model.clone(),
            budgets: BudgetFields::of(&record.budgets),
        }
    }

    /// The alias that is meant, or all that is wrong; `known` is the name of one that exists.
    fn body(&mut self, w: Words, known: Option<Slug>) -> Result<(Slug, ModelBody), Vec<Wrong>> {
        let mut wrong = Vec::new();
        let alias = known.or_else(|| Wrong::id(w, &self.id, &mut wrong));
        let upstream = Slug::parse(&self.upstream);
        let upstream =
            upstream.map_err(|_| wrong.push(Wrong::at(w, "upstream", "wrong-upstream"))).ok();
        let budgets = self.budgets.read(w, &mut wrong);
        match (alias, upstream) {
            (Some(alias), Some(upstream)) if wrong.is_empty() => {
                Ok((alias, ModelBody { upstream, model: self.model.clone(), budgets }))
            }
            _ => Err(wrong),
        }
    }
}

/// `GET /admin/models`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, models::READ)?;
    let cursors = Cursors::new(&state.gate, "models");
    let request = cursors.part(part.cursor)?;
    let all = state.read(&warrant).models().await?;
    let page = Cursors::cut(all, &request, |model| model.alias.to_string());
    let text = |key: &str| Column::text(w.get(key));
    let number = |key: &str| Column::number(w.get(key));
    let list = Collection {
        section: Section::Models,
        make: Link { href: "/admin/new-model".to_owned(), text: w.get("model-make") },
        columns: vec![
            text("column-alias"),
            text("column-upstream"),
            text("column-model-there"),
            number("column-price-input"),
            number("column-price-output"),
            text("column-budgets"),
        ],
        rows: page.items.iter().map(|record| row(&state, w, record)).collect(),
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate model list",
    };
    list.show(visit)
}

fn row(state: &ConsoleState, w: Words, record: &ModelRecord) -> Vec<Cell> {
    let href = format!("/admin/models/{}", record.alias);
    let facts = state.prices.facts(&record.model, state.now());
    let price = |nano: Option<i64>| nano.map_or_else(|| w.get("no-price"), say::money);
    vec![
        Cell::Link(Link { href, text: record.alias.to_string() }),
        Cell::Link(Link {
            href: format!("/admin/upstreams/{}", record.upstream),
            text: record.upstream.to_string(),
        }),
        Cell::Code(record.model.clone()),
        Cell::Number(price(facts.as_ref().map(|facts| facts.price.input))),
        Cell::Number(price(facts.as_ref().map(|facts| facts.price.output))),
        Cell::Text(say::budgets(w, &record.budgets)),
    ]
}

/// `GET /admin/new-model`.
pub(crate) async fn blank(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, models::WRITE)?;
    let form = ModelForm::default();
    let page = form_page(&state, &warrant, &visit, form, None, &[]).await?;
    page.show(visit)
}

/// `GET /admin/models/{alias}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(alias): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, models::READ)?;
    let record = models::find(&state, &warrant, &alias).await?;
    let form = ModelForm::of(&record);
    let page = form_page(&state, &warrant, &visit, form, Some(&record), &[]).await?;
    page.show(visit)
}

/// `POST /admin/new-model`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(mut form): Form<ModelForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, models::WRITE)?;
    let wrong = match form.body(w, None) {
        Ok((alias, body)) => match models::make(&state, &caller, alias, body).await {
            Ok(_) => return saved_to(Section::Models),
            Err(error) => Wrong::of(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&state, &warrant, &visit, form, None, &wrong).await?;
    page.refuse(visit)
}

/// `POST /admin/models/{alias}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(alias): Path<Slug>,
    Form(mut form): Form<ModelForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, models::WRITE)?;
    let record = models::find(&state, &warrant, &alias).await?;
    let wrong = match form.body(w, Some(alias.clone())) {
        Ok((alias, body)) => match models::alter(&state, &caller, alias, body).await {
            Ok(_) => return saved_to(Section::Models),
            Err(error) => Wrong::of_known(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&state, &warrant, &visit, form, Some(&record), &wrong).await?;
    page.refuse(visit)
}

/// The form of `record`, or of a new alias.
async fn form_page(
    state: &ConsoleState,
    warrant: &Warrant,
    visit: &Visit,
    form: ModelForm,
    record: Option<&ModelRecord>,
    wrong: &[Wrong],
) -> Result<FormPage, Error> {
    let w = words(visit);
    let upstreams = state.read(warrant).upstreams().await?;
    let upstreams: Vec<_> =
        upstreams.iter().map(|up| (up.id.to_string(), up.id.to_string())).collect();
    let (about, line) = match record {
        None => (About::New, "tollgate model set small openai gpt-4o-mini".to_owned()),
        Some(ModelRecord { alias, upstream, model, .. }) => {
            let line = format!("tollgate model set {alias} {upstream} {}", quoted(model));
            (About::One(alias.as_str()), line)
        }
    };
    let none_yet = upstreams.is_empty();
    let controls = controls(state, w, form, record, upstreams, wrong);
    let page = FormPage::new(visit, Section::Models, about, controls, wrong, line);
    let mut page = page.declared(w, record.is_some_and(|record| record.declared));
    if none_yet {
        page.submit = None;
        let href = "/admin/new-upstream".to_owned();
        let link = Some(Link { href, text: w.get("upstream-make") });
        let text = w.get("model-needs-upstream");
        page.banner = page.banner.or(Some(Banner { tone: Tone::Warn, text, link }));
    }
    Ok(page)
}

/// A word that a shell takes as it is: what is not plain goes between quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn controls(
    state: &ConsoleState,
    w: Words,
    mut form: ModelForm,
    record: Option<&ModelRecord>,
    upstreams: Vec<(String, String)>,
    wrong: &[Wrong],
) -> Vec<Control> {
    let mut controls = Vec::new();
    if let Some(record) = record {
        let facts = state.prices.facts(&record.model, state.now());
        controls.push(Control::Facts(facts_of(w, facts.as_ref())));
    } else {
        controls.push(Control::id(w, ("column-alias", "alias-hint"), form.id, wrong));
    }
    controls.push(Control::Select(Select {
        id: "upstream",
        label: w.get("column-upstream"),
        options: upstreams,
        chosen: form.upstream,
        hint: None,
        error: Wrong::on(wrong, "upstream"),
    }));
    let model = Field::new("model", "text", w.get("column-model-there")).value(form.model);
    let model = model.hint(w.get("model-there-hint")).error(Wrong::on(wrong, "model"));
    controls.push(Control::Field(model));
    controls.push(form.budgets.control(w, "model-budgets-heading", wrong));
    controls
}

/// What a model costs, and how much fits into a call of it.
fn facts_of(w: Words, facts: Option<&ModelFacts>) -> Definitions {
    let Some(facts) = facts else {
        let none = Cell::Text(w.get("no-price-means"));
        return Definitions { items: vec![(w.get("column-price"), none)] };
    };
    let price = &facts.price;
    let money = |nano: i64| Cell::Text(say::money(nano));
    let mut items = vec![(w.get("column-price-input"), money(price.input))];
    if let Some(cached) = price.cached_input {
        items.push((w.get("column-price-cached"), money(cached)));
    }
    if let Some(written) = price.cache_write {
        items.push((w.get("column-price-written"), money(written)));
    }
    items.push((w.get("column-price-output"), money(price.output)));
    for tier in &price.tiers {
        let class = match tier.class {
            Class::Input => "column-price-input",
            Class::CachedInput => "column-price-cached",
            Class::CacheWrite => "column-price-written",
            Class::Output => "column-price-output",
        };
        let from = say::number(i64::try_from(tier.from_input_tokens).unwrap_or(i64::MAX));
        let name = w.with("price-tier", &[("class", w.get(class).into()), ("from", from.into())]);
        items.push((name, money(tier.nano_per_million)));
    }
    let tokens = |n: u64| Cell::Text(say::number(i64::try_from(n).unwrap_or(i64::MAX)));
    if let Some(context) = facts.context_tokens {
        items.push((w.get("context-tokens"), tokens(context)));
    }
    if let Some(most) = facts.max_output_tokens {
        items.push((w.get("column-max-output"), tokens(most)));
    }
    Definitions { items }
}
