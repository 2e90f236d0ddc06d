//! `/admin/tools/{id}`: one tool, what to publish, who may call.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Banner, Cell, Column, Command, Definitions, Field, Head, Link, Summary, Table, Tone,
};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Slug};
use tollgate_store::{KeyRecord, ToolAuth, ToolCallback, ToolRecord};

use super::form::{Fields, ToolForm, Wrong};
use super::{Button, Saved, mode_said, words};
use crate::manage::{callbacks, service_tokens, tools, verification};
use crate::publish::{MANIFEST, openapi_url, remarks};
use crate::state::{READ, ToolsState, WRITE};

/// What a service looks for; without a token it is published no longer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verification {
    service: String,
    #[serde(default)]
    token: String,
}

/// A plugin, and whether it is taken.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Callback {
    plugin_id: String,
    accepted: bool,
}

/// A list with a form below it.
struct Part {
    table: Option<Table>,
    fields: Vec<Field>,
}

/// Plugins that came, and how the app for them is made.
struct Plugins {
    table: Option<Table>,
    command: Command,
}

#[derive(Template)]
#[template(path = "tool.html")]
struct Page {
    w: Words,
    head: Head,
    banners: Vec<Banner>,
    summary: Option<Summary>,
    facts: Definitions,
    verify: Option<Part>,
    tokens: Option<Part>,
    callbacks: Option<Plugins>,
    remarks: Vec<String>,
    fields: Option<Fields>,
    place: String,
    csrf: String,
    command: Command,
}

/// `GET /admin/tools/{id}`.
pub(super) async fn show(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Query(saved): Query<Saved>,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let tool = state.find(&warrant, &id).await?;
    let asked = Asked { state: &state, warrant: &warrant, tool: &tool };
    let mut page = asked.page(&visit, &ToolForm::of(&tool), None).await?;
    if saved.saved.is_some() {
        let text = page.w.get("tool-saved");
        page.banners.push(Banner { tone: Tone::Ok, text, link: None });
    }
    visit.show(&page.head.title, &page)
}

/// `POST /admin/tools/{id}`.
pub(super) async fn change(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    visit: Visit,
    Form(form): Form<ToolForm>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let tool = state.find(&warrant, &id).await?;
    let change = form.change(Some(&tool))?;
    let wrong = match tools::alter(&state, &caller, &id, change).await {
        Ok(_) => return reply::see_other(&format!("/admin/tools/{id}?saved=1")),
        Err(error) => Wrong::of(error)?,
    };
    let asked = Asked { state: &state, warrant: &warrant, tool: &tool };
    let page = asked.page(&visit, &form, Some(&wrong)).await?;
    visit.show_as(StatusCode::BAD_REQUEST, None, &page.head.title, &page)
}

/// `POST /admin/tools/{id}/verification`.
pub(super) async fn verify(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    visit: Visit,
    Form(Verification { service, token }): Form<Verification>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let (service, token) = (service.trim(), token.trim());
    let token = Some(token).filter(|token| !token.is_empty());
    match verification::set(&state, &warrant, &id, service, token).await {
        Ok(_) => reply::see_other(&format!("/admin/tools/{id}?saved=1")),
        Err(error) => {
            let tool = state.find(&warrant, &id).await?;
            refused(&state, &warrant, visit, &tool, &Wrong::of(error)?).await
        }
    }
}

/// `POST /admin/tools/{id}/callbacks`.
pub(super) async fn callback(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Form(Callback { plugin_id, accepted }): Form<Callback>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    callbacks::accept(&state, &warrant, &id, &plugin_id, accepted).await?;
    reply::see_other(&format!("/admin/tools/{id}?saved=1"))
}

/// The page of a tool to whoever sent it something wrong.
pub(super) async fn refused(
    state: &ToolsState,
    warrant: &Warrant,
    visit: Visit,
    tool: &ToolRecord,
    wrong: &Wrong,
) -> Reply {
    let asked = Asked { state, warrant, tool };
    let page = asked.page(&visit, &ToolForm::of(tool), Some(wrong)).await?;
    visit.show_as(StatusCode::BAD_REQUEST, None, &page.head.title, &page)
}

/// A tool that a page is asked of.
struct Asked<'a> {
    state: &'a ToolsState,
    warrant: &'a Warrant,
    tool: &'a ToolRecord,
}

impl Asked<'_> {
    async fn page(
        &self,
        visit: &Visit,
        form: &ToolForm,
        wrong: Option<&Wrong>,
    ) -> Result<Page, Error> {
        let Self { state, warrant, tool } = self;
        let w = words(visit);
        let reader = state.gate.read(warrant);
        let csrf = visit.csrf();
        let place = format!("/admin/tools/{}", tool.id);
        let (mut tokens, mut callbacks) = (None, None);
        if matches!(tool.auth, ToolAuth::ServiceHttp { .. }) {
            let keys = reader.service_keys(&tool.id).await?;
            tokens = Some(self.tokens(w, &keys, (&place, &csrf), wrong)?);
        }
        if matches!(tool.auth, ToolAuth::OAuth { .. }) {
            let all = reader.tool_callbacks(&tool.id).await?;
            callbacks = Some(self.plugins(w, &all, (&place, &csrf))?);
        }
        let services = matches!(tool.auth, ToolAuth::ServiceHttp { .. } | ToolAuth::OAuth { .. });
        let verify = if services { Some(self.verify(w, (&place, &csrf), wrong)?) } else { None };
        let fields = (!tool.declared).then(|| form.fields(w, false, wrong));
        Ok(Page {
            head: Head { title: tool.id.to_string(), lead: w.get("tool-lead"), action: None },
            banners: self.banners(w),
            summary: fields.as_ref().and_then(Fields::summary),
            facts: self.facts(w),
            verify,
            tokens,
            callbacks,
            remarks: self.remarks(w).await,
            fields,
            command: Command::same(w.locale(), format!("tollgate tool show {}", tool.id)),
            w,
            place,
            csrf,
        })
    }

    fn banners(&self, w: Words) -> Vec<Banner> {
        let banner = |tone, key| Banner { tone, text: w.get(key), link: None };
        let places = &self.state.places;
        let mut banners = Vec::new();
        if places.may_publish(self.tool).is_err() {
            banners.push(banner(Tone::Warn, "not-published"));
        } else if places.is_loopback() && self.tool.auth != ToolAuth::None {
            banners.push(banner(Tone::Info, "published-for-tests"));
        }
        if self.tool.declared {
            banners.push(banner(Tone::Info, "declared"));
        }
        banners
    }

    fn facts(&self, w: Words) -> Definitions {
        let address = self.state.places.address(self.tool);
        let link = |href: String| Cell::Link(Link { text: href.clone(), href });
        let mut items = vec![
            (w.get("fact-address"), Cell::Code(address.clone())),
            (w.get("fact-manifest"), link(format!("{address}{MANIFEST}"))),
            (w.get("fact-openapi"), link(openapi_url(&self.state.places, &address))),
            (w.get("column-mode"), Cell::Text(mode_said(w, &self.tool.auth))),
        ];
        if matches!(self.tool.auth, ToolAuth::UserHttp { .. }) {
            let href = format!("{}/account/keys?tool={}", self.state.places.origin(), self.tool.id);
            items.push((w.get("fact-key"), Cell::Link(Link { text: href.clone(), href })));
        }
        Definitions { items }
    }

    fn verify(
        &self,
        w: Words,
        (place, csrf): (&str, &str),
        wrong: Option<&Wrong>,
    ) -> Result<Part, Error> {
        let action = format!("{place}/verification");
        let mut rows = Vec::new();
        for (service, token) in &self.tool.verification_tokens {
            let text = w.get("verify-remove");
            let label = format!("{text}: {service}");
            let hidden = vec![("service", service.as_str())];
            let button = Button { action: &action, csrf, hidden, text, label }.cell()?;
            rows.push(vec![Cell::Code(service.clone()), Cell::Code(token.clone()), button]);
        }
        let service = Field::new("service", "text", w.get("field-service"));
        let token = Field::new("token", "text", w.get("verify-token"));
        let fields = vec![
            service.hint(w.get("verify-service-hint")).error(Wrong::on(wrong, "service")),
            token.error(Wrong::on(wrong, "token")),
        ];
        let columns = ["service", "token", "action"];
        Ok(Part { table: table(w, "verify-title", &columns, rows), fields })
    }

    fn tokens(
        &self,
        w: Words,
        keys: &[KeyRecord],
        (place, csrf): (&str, &str),
        wrong: Option<&Wrong>,
    ) -> Result<Part, Error> {
        let now = self.state.gate.clock().now();
        let mut rows = Vec::new();
        for key in keys.iter().filter(|key| service_tokens::is_active(key)) {
            let action = format!("{place}/tokens/{}", key.id);
            let button = |what, words: &str| {
                let text = w.get(words);
                let label = format!("{text}: {}", key.name);
                Button { action: &action, csrf, hidden: vec![("what", what)], text, label }.render()
            };
            let both = [button("rotate", "token-rotate"), button("revoke", "token-revoke")];
            let [rotate, revoke] = both.map(|button| button.map_err(Error::internal));
            let never = || Cell::Text(w.get("never"));
            rows.push(vec![
                Cell::Text(key.name.clone()),
                Cell::Code(format!("…{}", key.tail)),
                key.last_used_at.map_or_else(never, |at| Cell::ago(w.locale(), at, now)),
                Cell::Part(rotate? + &revoke?),
            ]);
        }
        let field = Field::new("new_service", "text", w.get("field-service"));
        let fields = vec![field.error(Wrong::on(wrong, "new_service"))];
        let columns = ["service", "tail", "last-used", "action"];
        Ok(Part { table: table(w, "tokens-title", &columns, rows), fields })
    }

    fn plugins(
        &self,
        w: Words,
        all: &[ToolCallback],
        (place, csrf): (&str, &str),
    ) -> Result<Plugins, Error> {
        let now = self.state.gate.clock().now();
        let action = format!("{place}/callbacks");
        let mut rows = Vec::new();
        for callback in all {
            let (state, words, next) = match callback.accepted {
                true => ("callback-accepted", "callback-refuse", "false"),
                false => ("callback-waiting", "callback-accept", "true"),
            };
            let text = w.get(words);
            let label = format!("{text}: {}", callback.plugin_id);
            let hidden = vec![("plugin_id", callback.plugin_id.as_str()), ("accepted", next)];
            let button = Button { action: &action, csrf, hidden, text, label }.cell()?;
            rows.push(vec![
                Cell::Code(callback.plugin_id.clone()),
                Cell::Text(w.get(state)),
                Cell::ago(w.locale(), callback.seen_at, now),
                button,
            ]);
        }
        let address = self.state.places.address(self.tool);
        let line = format!("tollgate client add ChatGPT --legacy true \\\n  --resource {address}");
        let columns = ["plugin", "state", "seen", "action"];
        Ok(Plugins {
            table: table(w, "callbacks-title", &columns, rows),
            command: Command::new(w.locale(), line),
        })
    }

    /// What hosts may stumble over, in words.
    async fn remarks(&self, w: Words) -> Vec<String> {
        let said = |code: &str, place: &str| {
            w.with(&format!("remark-{}", code.replace('_', "-")), &[("place", place.into())])
        };
        let of_manifest = remarks(&self.state.places, self.tool);
        let mut all: Vec<String> =
            of_manifest.iter().map(|(code, place)| said(code, place)).collect();
        match self.state.documents.of(&self.state.gate, self.tool).await {
            Err(error) => all.push(w.with("check-failed", &[("why", error.detail().into())])),
            Ok(document) => {
                all.extend(document.remarks().iter().map(|it| said(it.code, &it.place)));
            }
        }
        all
    }
}

fn table(w: Words, caption: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Option<Table> {
    let columns = columns.iter().map(|key| Column::text(w.get(&format!("column-{key}"))));
    let table = Table { caption: w.get(caption), columns: columns.collect(), rows, next: None };
    (!table.rows.is_empty()).then_some(table)
}
