//! `/admin/providers`: whom people may sign in with, and a form for each.

use std::collections::BTreeMap;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Cell, Column, Command, Definitions, Field, Link, Tone};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::{Finding, PROVIDER_ENDPOINTS, PROVIDER_FIELDS, redirect_uri_of};
use tollgate_kernel::{Error, ProviderKind, Secret, Slug};
use tollgate_store::ProviderRecord;

use super::collection::Collection;
use super::form::{About, Also, Area, Control, FormPage, Part, Select, Wrong, saved_to};
use super::parts::Section;
use super::words;
use crate::listing::Cursors;
use crate::providers::{self, EndpointsChange, FieldsChange, ProviderChange};
use crate::state::ConsoleState;

/// A provider as a form has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProviderForm {
    /// Its name, in the form of a new one.
    id: String,
    kind: String,
    name: String,
    issuer: String,
    client_id: String,
    /// A new secret; an empty one leaves the secret as it is.
    #[schemars(with = "String", extend("writeOnly" = true))]
    client_secret: Option<Secret>,
    auth_method: String,
    /// Lines of a name and an address.
    endpoints: String,
    /// Lines of a meaning and a name.
    fields: String,
    scopes: String,
    /// `on` or `off`.
    enabled: String,
}

const FIELDS: [&str; 10] = [
    "id",
    "kind",
    "name",
    "issuer",
    "client_id",
    "client_secret",
    "auth_method",
    "endpoints",
    "fields",
    "scopes",
];

impl ProviderForm {
    /// What a new one starts with.
    fn fresh() -> Self {
        Self { id: "google".to_owned(), enabled: "on".to_owned(), ..Self::default() }
    }

    fn of(record: &ProviderRecord) -> Self {
        let method = |in_form| if in_form { "client_secret_post" } else { "client_secret_basic" };
        Self {
            id: record.id.to_string(),
            kind: record.kind.to_string(),
            name: record.name.clone().unwrap_or_default(),
            issuer: record.issuer.clone().unwrap_or_default(),
            client_id: record.client_id.clone(),
            client_secret: None,
            auth_method: record.secret_in_form.map_or("", method).to_owned(),
            endpoints: lines(&record.endpoints),
            fields: lines(&record.fields),
            scopes: record.scopes.clone().unwrap_or_default().join(" "),
            enabled: if record.enabled { "on" } else { "off" }.to_owned(),
        }
    }

    /// The change that is meant; `id` is the name of a provider that exists.
    fn change(&self, w: Words, id: Option<Slug>) -> Result<ProviderChange, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let id = id.or_else(|| Wrong::id(w, &self.id, &mut wrong));
        let mut pairs = |text: &str, names: &[&str; 5], field| {
            read(text, names).unwrap_or_else(|| {
                wrong.push(Wrong::at(w, field, &format!("wrong-{field}")));
                [const { Some(None) }; 5]
            })
        };
        let endpoints = pairs(&self.endpoints, &PROVIDER_ENDPOINTS, "endpoints");
        let fields = pairs(&self.fields, &PROVIDER_FIELDS, "fields");
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let [authorize, token, userinfo, emails, jwks] = endpoints;
        let [subject, email, email_verified, name, locale] = fields;
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let secret = self.client_secret.clone().filter(|it| !it.expose().trim().is_empty());
        let scopes: Vec<String> = self.scopes.split_whitespace().map(str::to_owned).collect();
        Ok(ProviderChange {
            id,
            kind: Some(self.kind.clone()),
            name: Some(filled(&self.name)),
            issuer: Some(filled(&self.issuer)),
            client_id: Some(self.client_id.clone()),
            client_secret: secret.map(Some),
            auth_method: Some(filled(&self.auth_method)),
            endpoints: Some(EndpointsChange { authorize, token, userinfo, emails, jwks }),
            fields: Some(FieldsChange { subject, email, email_verified, name, locale }),
            scopes: Some((!scopes.is_empty()).then_some(scopes)),
            enabled: Some(self.enabled != "off"),
        })
    }
}

fn lines(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(name, value)| format!("{name} {value}\n")).collect()
}

/// What each of `names` is, by lines of a name and what it is; a name without anything behind it is
/// empty. None where a line begins with another name, or one comes twice.
fn read(text: &str, names: &[&str; 5]) -> Option<[Option<Option<String>>; 5]> {
    let mut found = [const { Some(None) }; 5];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let at = names.iter().position(|known| *known == name)?;
        let place = found.get_mut(at)?;
        if *place != Some(None) {
            return None;
        }
        *place = Some(Some(value.trim().to_owned()));
    }
    Some(found)
}

/// `GET /admin/providers`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, providers::READ)?;
    let cursors = Cursors::new(&state.gate, "providers");
    let request = cursors.part(part.cursor)?;
    let all = state.read(&warrant).providers().await?;
    let page = Cursors::cut(all, &request, |provider| provider.id.to_string());
    let columns = ["provider", "kind", "client-id", "state", "changed"];
    let list = Collection {
        section: Section::Providers,
        make: Link { href: "/admin/new-provider".to_owned(), text: w.get("provider-make") },
        columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
        rows: page.items.iter().map(|record| row(&state, w, record)).collect(),
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate provider list",
    };
    list.show(visit)
}

fn row(state: &ConsoleState, w: Words, record: &ProviderRecord) -> Vec<Cell> {
    let href = format!("/admin/providers/{}", record.id);
    vec![
        Cell::Link(Link { href, text: record.title().to_owned() }),
        Cell::Code(record.kind.to_string()),
        Cell::Code(record.client_id.clone()),
        Cell::Text(w.get(if record.enabled { "provider-on" } else { "provider-off" })),
        Cell::ago(w.locale(), record.updated_at, state.now()),
    ]
}

/// `GET /admin/new-provider`.
pub(crate) async fn blank(visit: Visit) -> Reply {
    let w = words(&visit);
    let page = form_page(&visit, w, &ProviderForm::fresh(), None, &[]);
    page.show(visit)
}

/// `GET /admin/providers/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, providers::READ)?;
    let record = providers::find(&state, &warrant, &id).await?;
    let page = form_page(&visit, w, &ProviderForm::of(&record), Some(&record), &[]);
    page.show(visit)
}

/// `POST /admin/new-provider`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<ProviderForm>,
) -> Reply {
    let w = words(&visit);
    let wrong = match form.change(w, None) {
        Ok(change) => match providers::make(&state, &caller, change).await {
            Ok(_) => return saved_to(Section::Providers),
            Err(error) => Wrong::of(w, of_lines(error), &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, &form, None, &wrong);
    page.refuse(visit)
}

/// `POST /admin/providers/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(form): Form<ProviderForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, providers::WRITE)?;
    let record = providers::find(&state, &warrant, &id).await?;
    let wrong = match form.change(w, Some(id.clone())) {
        Ok(change) => match providers::alter(&state, &caller, &id, change).await {
            Ok(_) => return saved_to(Section::Providers),
            Err(error) => Wrong::of_known(w, of_lines(error), &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&visit, w, &form, Some(&record), &wrong);
    page.refuse(visit)
}

/// The same error about the control whose lines are at fault.
fn of_lines(error: Error) -> Error {
    let param = error.param().and_then(|param| param.split('.').next()).map(str::to_owned);
    match param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

/// `POST /admin/providers/{id}/test`: of the provider as it is stored, whatever the form says.
pub(crate) async fn test(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(form): Form<ProviderForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, providers::WRITE)?;
    let record = providers::find(&state, &warrant, &id).await?;
    let findings = providers::probe(&state, &caller, &id).await?;
    let good = findings.iter().all(|finding| finding.is_good);
    let mut page = form_page(&visit, w, &form, Some(&record), &[]);
    page.findings = Some(Definitions { items: findings.iter().map(|it| said(w, it)).collect() });
    let (tone, key) =
        if good { (Tone::Ok, "provider-works") } else { (Tone::Danger, "provider-does-not-work") };
    page.banner = Some(Banner { tone, text: w.get(key), link: None });
    page.show(visit)
}

/// What was looked at, and what was found there.
fn said(w: Words, finding: &Finding) -> (String, Cell) {
    let found = w.get(&format!("finding-{}", finding.code.replace('_', "-")));
    let text = match &finding.detail {
        Some(detail) => format!("{found} ({detail})"),
        None => found,
    };
    (w.get(&format!("part-{}", finding.part)), Cell::Text(text))
}

fn form_page(
    visit: &Visit,
    w: Words,
    form: &ProviderForm,
    known: Option<&ProviderRecord>,
    wrong: &[Wrong],
) -> FormPage {
    let origin = visit.exchange().edge().origin();
    let controls = controls(w, origin, form, known, wrong);
    let Some(record) = known else {
        let line = "tollgate provider add github github --client-id CLIENT_ID \\\n  \
                    --client-secret-env GITHUB_CLIENT_SECRET";
        return FormPage::new(visit, Section::Providers, About::New, controls, wrong, line);
    };
    let id = &record.id;
    let line = format!("tollgate provider test {id}");
    let about = About::One(id.as_str());
    let mut page = FormPage::new(visit, Section::Providers, about, controls, wrong, line);
    let (action, text) = (format!("/admin/providers/{id}/test"), w.get("provider-test"));
    page.also = Some(Also { action, text });
    page.declared(w, record.declared)
}

fn controls(
    w: Words,
    origin: &str,
    form: &ProviderForm,
    known: Option<&ProviderRecord>,
    wrong: &[Wrong],
) -> Vec<Control> {
    let field = |id: &'static str, value: &str, label: &str, hint: &str| {
        let field = Field::new(id, "text", w.get(label)).value(value).hint(w.get(hint));
        field.error(Wrong::on(wrong, id))
    };
    let mut controls = vec![kind(w, form, wrong)];
    if known.is_none() {
        controls.push(Control::id(w, ("provider-id", "provider-id-hint"), form.id.clone(), wrong));
    }
    if let Ok(id) = Slug::parse(form.id.trim()) {
        let id = known.map_or(&id, |record| &record.id);
        controls.push(Control::Copy {
            label: w.get("redirect-uri"),
            hint: w.get(if known.is_some() { "redirect-uri-hint" } else { "redirect-uri-new" }),
            command: Command::new(w.locale(), redirect_uri_of(origin, id)),
        });
    }
    let has_secret = known.is_some_and(|record| record.client_secret_sealed.is_some());
    let keep = if has_secret { "client-secret-keep" } else { "client-secret-hint" };
    let secret = Field::new("client_secret", "password", w.get("client-secret")).optional();
    let secret = secret.hint(w.get(keep)).error(Wrong::on(wrong, "client_secret"));
    controls.extend([
        Control::Field(field("client_id", &form.client_id, "client-id", "client-id-hint")),
        Control::Field(secret),
        Control::Field(field("issuer", &form.issuer, "issuer", "issuer-hint").optional()),
        Control::Field(field("name", &form.name, "provider-name", "provider-name-hint").optional()),
        switch(w, form),
    ]);
    controls.extend(finer(w, form, wrong));
    controls
}

/// What most owners leave as it is.
fn finer(w: Words, form: &ProviderForm, wrong: &[Wrong]) -> [Control; 4] {
    let area = |id: &'static str, value: &str| {
        Control::Area(Area {
            id,
            label: w.get(id),
            value: value.to_owned(),
            hint: Some(w.get(&format!("{id}-hint"))),
            error: Wrong::on(wrong, id),
        })
    };
    let scopes = Field::new("scopes", "text", w.get("scopes")).value(&form.scopes).optional();
    let scopes = scopes.hint(w.get("scopes-hint")).error(Wrong::on(wrong, "scopes"));
    let methods = ["", "client_secret_basic", "client_secret_post"].map(|method| {
        let key = if method.is_empty() { "auth-usual" } else { method };
        (method.to_owned(), w.get(&key.replace('_', "-")))
    });
    [
        Control::Field(scopes),
        Control::Select(Select {
            id: "auth_method",
            label: w.get("auth-method"),
            options: methods.into(),
            chosen: form.auth_method.clone(),
            hint: None,
            error: Wrong::on(wrong, "auth_method"),
        }),
        area("endpoints", &form.endpoints),
        area("fields", &form.fields),
    ]
}

fn kind(w: Words, form: &ProviderForm, wrong: &[Wrong]) -> Control {
    let option = |kind: ProviderKind| (kind.to_string(), w.get(&format!("kind-{kind}")));
    Control::Select(Select {
        id: "kind",
        label: w.get("column-kind"),
        options: ProviderKind::ALL.map(option).into(),
        chosen: form.kind.clone(),
        hint: None,
        error: Wrong::on(wrong, "kind"),
    })
}

fn switch(w: Words, form: &ProviderForm) -> Control {
    let option = |value: &str| (value.to_owned(), w.get(&format!("provider-{value}")));
    Control::Select(Select {
        id: "enabled",
        label: w.get("column-state"),
        options: ["on", "off"].map(option).into(),
        chosen: form.enabled.clone(),
        hint: Some(w.get("enabled-hint")),
        error: None,
    })
}
