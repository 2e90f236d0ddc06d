//! `/admin/installs`: the owner installs a tool, step by step, and looks after it.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Banner, Cell, Column, Command, Definitions, Empty, Field, Head, Link, Table, Tone,
};
use tollgate_edge::{Caller, Form, Path, Query, Reply, Visit, reply};
use tollgate_gate::{Change, Facts, Install, VERIFICATION_KEY, Verification};
use tollgate_kernel::{Error, InstallId, InstallState, Kind, Secret};
use tollgate_protocol::plugin_host::{Auth, Warning};

use super::TEXTS;
use super::new_install::NEW_AT;
use crate::connect::redirect_uri;
use crate::install::{self, READ, Wish};
use crate::state::ConnectionsState;

/// Where the tools are.
pub(super) const AT: &str = "/admin/installs";

/// What the page of a tool says beside that something is saved.
const SAID: [&str; 8] = [
    "found",
    "text_changed",
    "manifest_changed",
    "old_value_served",
    "token_missing",
    "token_wrong",
    "accepted",
    "back",
];

/// Whether something was just done.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Said {
    /// `1` after a change, or what a look at the domain found.
    saved: Option<String>,
}

/// What the owner says of a tool. What is empty stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChangeForm {
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    service_token: Option<Secret>,
    client_id: String,
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    client_secret: Option<Secret>,
    /// Hosts with spaces between them.
    confirmed_hosts: String,
    client_url: String,
    authorization_url: String,
    scope: String,
    /// `on` or nothing.
    state_optional: String,
}

impl ChangeForm {
    fn wish(self, install: &Install) -> Wish {
        let filled = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let secret = |secret: Option<Secret>| secret.filter(|it| !it.expose().trim().is_empty());
        let is_oauth = matches!(install.facts.manifest.auth, Auth::OAuth(_));
        let said = |now: Option<String>, text: String| {
            let text = filled(text);
            (is_oauth && text != now).then_some(text)
        };
        let endpoints = install.facts.endpoints();
        let (client_url, token) = match &endpoints {
            Some(it) => (Some(it.client_url.to_owned()), Some(it.token.to_string())),
            None => (None, None),
        };
        let hosts: Vec<String> =
            self.confirmed_hosts.split_whitespace().map(str::to_owned).collect();
        Wish {
            service_token: secret(self.service_token),
            client_id: filled(self.client_id).filter(|_| is_oauth),
            client_secret: secret(self.client_secret),
            confirmed_hosts: is_oauth.then_some(hosts),
            client_url: said(client_url, self.client_url),
            authorization_url: said(token, self.authorization_url),
            scope: said(Some(install.facts.scope().to_owned()), self.scope),
            state_optional: is_oauth.then_some(self.state_optional == "on"),
            ..Wish::default()
        }
    }
}

#[derive(Template)]
#[template(path = "installs.html")]
struct ListPage {
    head: Head,
    banner: Option<Banner>,
    table: Option<Table>,
    empty: Option<Empty>,
    command: Command,
}

/// `GET /admin/installs`.
pub(crate) async fn list(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Query(Said { saved }): Query<Said>,
    visit: Visit,
) -> Reply {
    let w = visit.words(&TEXTS);
    let warrant = state.allow(&caller, READ)?;
    let all = state.read(&warrant).installs().await?;
    let row = |record: &tollgate_store::InstallRecord| {
        let href = format!("{AT}/{}", record.id);
        vec![
            Cell::Link(Link { href, text: record.name.clone() }),
            Cell::Code(record.domain.clone()),
            Cell::Text(w.get(&format!("auth-{}", record.auth.replace('_', "-")))),
            Cell::Text(w.get(&said_state(record.state))),
        ]
    };
    let columns = ["tool", "domain", "auth", "state"];
    let table = (!all.is_empty()).then(|| Table {
        caption: w.get("installs-title"),
        columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
        rows: all.iter().map(row).collect(),
        next: None,
    });
    let make = Link { href: NEW_AT.to_owned(), text: w.get("install-make") };
    let line = "tollgate install list";
    let empty = table.is_none().then(|| Empty {
        text: w.get("installs-empty"),
        action: None,
        command: None,
    });
    let saved =
        saved.map(|_| Banner { tone: Tone::Ok, text: w.get("install-removed"), link: None });
    let page = ListPage {
        head: Head {
            title: w.get("installs-title"),
            lead: w.get("installs-lead"),
            action: Some(make),
        },
        banner: saved,
        table,
        empty,
        command: Command::same(w.locale(), line),
    };
    visit.show(&w.get("installs-title"), &page)
}

fn said_state(state: InstallState) -> String {
    format!("install-{}", state.as_str().replace('_', "-"))
}

/// The words of an error that the owner can do something about.
pub(super) fn of_owner(error: Error) -> Result<String, Error> {
    match error.kind() {
        Kind::InvalidRequest | Kind::UpstreamFailed | Kind::UpstreamTimeout | Kind::Conflict => {
            Ok(error.detail().to_owned())
        }
        _ => Err(error),
    }
}

pub(super) fn described(w: Words, facts: &Facts) -> Definitions {
    let manifest = &facts.manifest;
    let auth = w.get(&format!("auth-{}", manifest.auth.name().replace('_', "-")));
    let mut items = vec![
        (w.get("column-tool"), Cell::Text(manifest.name_for_human.clone())),
        (w.get("install-does"), Cell::Text(manifest.description_for_human.clone())),
        (w.get("column-domain"), Cell::Code(facts.root.host().to_owned())),
        (w.get("column-auth"), Cell::Text(auth)),
        (w.get("install-api"), Cell::Code(facts.api_base.clone())),
    ];
    if let Some(endpoints) = facts.endpoints() {
        let token = endpoints.token.to_string();
        items.push((w.get("install-client-url"), Cell::Code(endpoints.client_url.to_owned())));
        items.push((w.get("install-token-url"), Cell::Code(token)));
    }
    Definitions { items }
}

#[derive(Template)]
#[template(path = "install.html")]
struct OnePage {
    w: Words,
    csrf: String,
    head: Head,
    banner: Option<Banner>,
    at: String,
    facts: Definitions,
    warnings: Vec<Warning>,
    /// What is to be given to the tool's maker before the first sign-in.
    redirect: Option<Command>,
    fields: Vec<Field>,
    /// Hosts that have to be confirmed.
    hosts: Vec<String>,
    /// Whether the tool may leave `state` out; nothing where there is none.
    stateless: Option<bool>,
    /// What is to be published.
    publish: Option<Command>,
    verifies: bool,
    /// What was found there since, and waits for a yes.
    waiting: Option<Waiting>,
    command: Command,
}

/// What was found at a tool's domain and does not count yet.
struct Waiting {
    hash: String,
    changes: Table,
    warnings: Vec<Warning>,
}

impl Waiting {
    fn of(w: Words, known: &Facts, found: &Facts) -> Self {
        let row = |Change { what, before, now }| {
            vec![Cell::Code(what.to_owned()), Cell::Text(before), Cell::Text(now)]
        };
        let columns = ["what", "before", "now"];
        let changes = Table {
            caption: w.get("install-changes"),
            columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
            rows: known.changes(found).into_iter().map(row).collect(),
            next: None,
        };
        Self { hash: found.hash(), changes, warnings: found.warnings.clone() }
    }
}

/// `GET /admin/installs/{id}`.
pub(crate) async fn show(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
    Query(Said { saved }): Query<Said>,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let found = install::find(&state, &warrant, id).await?;
    let w = visit.words(&TEXTS);
    let banner = saved.map(|saved| {
        let good = matches!(saved.as_str(), "1" | "found" | "accepted");
        let key = match SAID.into_iter().find(|known| *known == saved) {
            Some(known) => format!("verify-{}", known.replace('_', "-")),
            None => "install-saved".to_owned(),
        };
        let tone = if good { Tone::Ok } else { Tone::Warn };
        Banner { tone, text: w.get(&key), link: None }
    });
    let page = one_page(&visit, found, banner, None);
    let title = page.head.title.clone();
    visit.show(&title, &page)
}

/// `POST /admin/installs/{id}`.
pub(crate) async fn update(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
    visit: Visit,
    Form(form): Form<ChangeForm>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let found = install::find(&state, &warrant, id).await?;
    let wish = form.wish(&found);
    let error = match install::change(&state, &caller, id, wish).await {
        Ok((_, true)) => return reply::see_other(&format!("{AT}/{id}?saved=back")),
        Ok((_, false)) => return reply::see_other(&format!("{AT}/{id}?saved=1")),
        Err(error) => error,
    };
    let wrong = error.param().map(str::to_owned);
    let words = of_owner(error)?;
    let page = one_page(&visit, found, None, Some((wrong.unwrap_or_default(), words)));
    let title = page.head.title.clone();
    let back = format!("{AT}/{id}");
    visit.leading_to(&back).show_as(StatusCode::BAD_REQUEST, None, &title, &page)
}

/// What the owner says yes to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct YesForm {
    /// The hash of what they saw.
    hash: String,
}

/// `POST /admin/installs/{id}/accept`: takes what was shown, or shows what is there now.
pub(crate) async fn accept(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
    visit: Visit,
    Form(YesForm { hash }): Form<YesForm>,
) -> Reply {
    let error = match install::accept(&state, &caller, id, &hash).await {
        Ok(_) => return reply::see_other(&format!("{AT}/{id}?saved=accepted")),
        Err(error) => of_owner(error)?,
    };
    let warrant = state.allow(&caller, READ)?;
    let found = install::find(&state, &warrant, id).await?;
    let banner = Banner { tone: Tone::Danger, text: error, link: None };
    let page = one_page(&visit, found, Some(banner), None);
    let title = page.head.title.clone();
    let back = format!("{AT}/{id}");
    visit.leading_to(&back).show_as(StatusCode::CONFLICT, None, &title, &page)
}

/// A form with nothing in it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

/// `POST /admin/installs/{id}/verify`.
pub(crate) async fn verify(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
    visit: Visit,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    let error = match install::verify(&state, &caller, id).await {
        Ok((_, found)) => {
            let code = Verification::code(&found);
            return reply::see_other(&format!("{AT}/{id}?saved={code}"));
        }
        Err(error) => of_owner(error)?,
    };
    let warrant = state.allow(&caller, READ)?;
    let found = install::find(&state, &warrant, id).await?;
    let banner = Banner { tone: Tone::Danger, text: error, link: None };
    let page = one_page(&visit, found, Some(banner), None);
    let title = page.head.title.clone();
    let back = format!("{AT}/{id}");
    visit.leading_to(&back).show_as(StatusCode::BAD_REQUEST, None, &title, &page)
}

/// `POST /admin/installs/{id}/remove`.
pub(crate) async fn remove(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    install::remove(&state, &caller, id).await?;
    reply::see_other(&format!("{AT}?saved=1"))
}

fn one_page(
    visit: &Visit,
    install: Install,
    banner: Option<Banner>,
    wrong: Option<(String, String)>,
) -> OnePage {
    let w = visit.words(&TEXTS);
    let id = install.record.id;
    let is_oauth = matches!(install.facts.manifest.auth, Auth::OAuth(_));
    let origin = visit.exchange().edge().origin();
    let uri = redirect_uri(origin, &install);
    let token = install.record.verification_token.clone();
    let publish = token.map(|token| {
        let line = format!("\"verification_tokens\": {{\"{VERIFICATION_KEY}\": \"{token}\"}}");
        Command::new(w.locale(), line)
    });
    let fields = fields(w, &install, wrong);
    let mut facts = described(w, &install.facts);
    let state = w.get(&said_state(install.record.state));
    facts.items.insert(0, (w.get("column-state"), Cell::Text(state)));
    if let Some(header) = install.header_shown() {
        facts.items.push((w.get("install-header"), Cell::Code(header)));
    }
    OnePage {
        csrf: visit.csrf(),
        head: Head {
            title: install.record.name.clone(),
            lead: w.get("install-one-lead"),
            action: None,
        },
        banner,
        at: format!("{AT}/{id}"),
        facts,
        redirect: is_oauth.then(|| Command::new(w.locale(), uri)),
        fields,
        hosts: install.facts.unconfirmed_hosts(),
        stateless: is_oauth.then_some(install.facts.said.stateless),
        publish,
        verifies: install.needs().is_empty(),
        waiting: install.waiting.as_ref().map(|found| Waiting::of(w, &install.facts, found)),
        command: Command::same(w.locale(), format!("tollgate install verify {id}")),
        warnings: install.facts.warnings,
        w,
    }
}

/// What the owner can enter, each with what is wrong with it.
fn fields(w: Words, install: &Install, wrong: Option<(String, String)>) -> Vec<Field> {
    let wrong_at =
        |id: &str| wrong.as_ref().filter(|(param, _)| param == id).map(|(_, words)| words.clone());
    let kept = install.record.secret_sealed.is_some();
    let secret = |id: &'static str, key: &str| {
        let hint = w.get(if kept { "install-secret-keep" } else { "install-secret-hint" });
        Field::new(id, "password", w.get(key)).optional().hint(hint).error(wrong_at(id))
    };
    let text = |id: &'static str, key: &str, value: &str| {
        Field::new(id, "text", w.get(key)).optional().value(value).error(wrong_at(id))
    };
    match &install.facts.manifest.auth {
        Auth::None | Auth::UserHttp { .. } => Vec::new(),
        Auth::ServiceHttp { .. } => vec![secret("service_token", "install-service-token")],
        Auth::OAuth(_) => {
            let endpoints = install.facts.endpoints();
            let client_url = endpoints.as_ref().map_or("", |it| it.client_url);
            let token = endpoints.as_ref().map_or("", |it| it.token.as_str());
            let hosts = install.facts.confirmed_hosts.join(" ");
            let client_id = install.record.client_id.as_deref().unwrap_or_default();
            let hosts = text("confirmed_hosts", "install-hosts", &hosts);
            vec![
                text("client_id", "install-client-id", client_id),
                secret("client_secret", "install-client-secret"),
                hosts.hint(w.get("install-hosts-hint")),
                text("client_url", "install-client-url", client_url),
                text("authorization_url", "install-token-url", token),
                text("scope", "install-scope", install.facts.scope()),
            ]
        }
    }
}
