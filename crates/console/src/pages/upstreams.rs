//! `/admin/upstreams`: the model providers, and a form for each.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Cell, Column, Field, Link, Tone};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::{TroubleKind, UpstreamTest, Warrant};
use tollgate_kernel::{Secret, Slug};
use tollgate_store::UpstreamRecord;

use super::collection::Collection;
use super::form::{About, Also, Control, FormPage, Part, Wrong, saved_to};
use super::parts::Section;
use super::words;
use crate::listing::Cursors;
use crate::state::ConsoleState;
use crate::upstreams::{self, UpstreamChange};

/// An upstream as a form has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamForm {
    /// Its name, in the form of a new one.
    id: String,
    base_url: String,
    /// A new key; an empty one leaves the key as it is.
    #[schemars(with = "String", extend("writeOnly" = true))]
    api_key: Option<Secret>,
    header: String,
}

const FIELDS: [&str; 4] = ["id", "base_url", "api_key", "header"];

impl UpstreamForm {
    fn of(record: &UpstreamRecord) -> Self {
        Self {
            id: record.id.to_string(),
            base_url: record.base_url.clone(),
            api_key: None,
            header: record.header.clone().unwrap_or_default(),
        }
    }

    /// The change that is meant; `id` is the name of an upstream that exists.
    fn change(&self, w: Words, id: Option<Slug>) -> Result<UpstreamChange, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let Some(id) = id.or_else(|| Wrong::id(w, &self.id, &mut wrong)) else {
            return Err(wrong);
        };
        let key = self.api_key.clone().filter(|key| !key.expose().trim().is_empty());
        let header = Some(self.header.trim().to_owned()).filter(|header| !header.is_empty());
        Ok(UpstreamChange {
            id: Some(id),
            base_url: Some(self.base_url.clone()),
            api_key: key.map(Some),
            header: Some(header),
            timeouts: None,
        })
    }
}

/// `GET /admin/upstreams`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, upstreams::READ)?;
    let cursors = Cursors::new(&state.gate, "upstreams");
    let request = cursors.part(part.cursor)?;
    let all = state.read(&warrant).upstreams().await?;
    let page = Cursors::cut(all, &request, |upstream| upstream.id.to_string());
    let columns = ["upstream", "base-url", "key", "changed"];
    let list = Collection {
        section: Section::Upstreams,
        make: Link { href: "/admin/new-upstream".to_owned(), text: w.get("upstream-make") },
        columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
        rows: page.items.iter().map(|record| row(&state, &warrant, w, record)).collect(),
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate upstream list",
    };
    list.show(visit)
}

fn row(state: &ConsoleState, warrant: &Warrant, w: Words, record: &UpstreamRecord) -> Vec<Cell> {
    let href = format!("/admin/upstreams/{}", record.id);
    let key = match state.gate.trouble(warrant, &record.id).map(|trouble| trouble.kind) {
        Some(TroubleKind::KeyRefused) => "key-refused",
        Some(TroubleKind::QuotaSpent) => "key-dry",
        Some(TroubleKind::SecretLeaked) => "key-leaked",
        None if record.api_key_sealed.is_some() => "key-set",
        None => "key-none",
    };
    vec![
        Cell::Link(Link { href, text: record.id.to_string() }),
        Cell::Code(record.base_url.clone()),
        Cell::Text(w.get(key)),
        Cell::ago(w.locale(), record.updated_at, state.now()),
    ]
}

/// `GET /admin/new-upstream`.
pub(crate) async fn blank(visit: Visit) -> Reply {
    let w = words(&visit);
    let page = form_page(&visit, w, &UpstreamForm::default(), &Shown::New, &[]);
    page.show(visit)
}

/// `GET /admin/upstreams/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, upstreams::READ)?;
    let record = upstreams::find(&state, &warrant, &id).await?;
    let page = form_page(&visit, w, &UpstreamForm::of(&record), &Shown::of(&record), &[]);
    page.show(visit)
}

/// `POST /admin/new-upstream`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<UpstreamForm>,
) -> Reply {
    let w = words(&visit);
    let wrong = match form.change(w, None) {
        Ok(change) => match upstreams::make(&state, &caller, change).await {
            Ok(_) => return saved_to(Section::Upstreams),
            Err(error) => Wrong::of(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, &form, &Shown::New, &wrong);
    page.refuse(visit)
}

/// `POST /admin/upstreams/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(form): Form<UpstreamForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, upstreams::WRITE)?;
    let record = upstreams::find(&state, &warrant, &id).await?;
    let wrong = match form.change(w, Some(id.clone())) {
        Ok(change) => match upstreams::alter(&state, &caller, &id, change).await {
            Ok(_) => return saved_to(Section::Upstreams),
            Err(error) => Wrong::of_known(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, &form, &Shown::of(&record), &wrong);
    page.refuse(visit)
}

/// `POST /admin/upstreams/{id}/test`: of the upstream as it is stored, whatever the form says.
pub(crate) async fn test(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(form): Form<UpstreamForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, upstreams::WRITE)?;
    let record = upstreams::find(&state, &warrant, &id).await?;
    let found = state.gate.test_upstream(&warrant, &id).await?;
    let (tone, text) = match found {
        UpstreamTest::Works { models } => (Tone::Ok, w.with("test-works", &[("n", models.into())])),
        UpstreamTest::KeyRefused => (Tone::Danger, w.get("test-key-refused")),
        UpstreamTest::Unreachable => (Tone::Danger, w.get("test-unreachable")),
        UpstreamTest::Unexpected { status } => {
            (Tone::Danger, w.with("test-unexpected", &[("status", status.to_string().into())]))
        }
    };
    let mut page = form_page(&visit, w, &form, &Shown::of(&record), &[]);
    page.banner = Some(Banner { tone, text, link: None });
    page.show(visit)
}

/// Which upstream a form is about.
enum Shown {
    New,
    Known { id: Slug, declared: bool, has_key: bool },
}

impl Shown {
    fn of(record: &UpstreamRecord) -> Self {
        let has_key = record.api_key_sealed.is_some();
        Self::Known { id: record.id.clone(), declared: record.declared, has_key }
    }
}

fn form_page(
    visit: &Visit,
    w: Words,
    form: &UpstreamForm,
    shown: &Shown,
    wrong: &[Wrong],
) -> FormPage {
    let controls = controls(w, form, shown, wrong);
    match shown {
        Shown::New => {
            let line = "tollgate upstream add openai https://api.openai.com/v1 \
                        --api-key-env OPENAI_API_KEY";
            FormPage::new(visit, Section::Upstreams, About::New, controls, wrong, line)
        }
        Shown::Known { id, declared, .. } => {
            let line = format!("tollgate upstream set {id} --api-key-file key.txt");
            let about = About::One(id.as_str());
            let mut page = FormPage::new(visit, Section::Upstreams, about, controls, wrong, line);
            let (action, text) = (format!("/admin/upstreams/{id}/test"), w.get("upstream-test"));
            page.also = Some(Also { action, text });
            page.declared(w, *declared)
        }
    }
}

fn controls(w: Words, form: &UpstreamForm, shown: &Shown, wrong: &[Wrong]) -> Vec<Control> {
    let mut controls = Vec::new();
    if matches!(shown, Shown::New) {
        controls.push(Control::id(w, ("upstream-id", "id-hint"), form.id.clone(), wrong));
    }
    let url = Field::new("base_url", "url", w.get("column-base-url"));
    let url = url.value(form.base_url.clone()).hint(w.get("base-url-hint"));
    let url = url.error(Wrong::on(wrong, "base_url"));
    let hint = match shown {
        Shown::Known { has_key: true, .. } => "api-key-keep",
        _ => "api-key-hint",
    };
    let key = Field::new("api_key", "password", w.get("api-key")).optional();
    let key = key.hint(w.get(hint)).error(Wrong::on(wrong, "api_key"));
    let header = Field::new("header", "text", w.get("header")).value(form.header.clone());
    let header = header.hint(w.get("header-hint")).error(Wrong::on(wrong, "header"));
    controls.extend([url, key, header.optional()].map(Control::Field));
    controls
}
