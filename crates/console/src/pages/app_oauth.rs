//! `/admin/apps/{id}/sign-in`: how an app signs people in and gets tokens, and its secret.

use askama::Template;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Command, Definitions, Field, Head, Link, SecretOnce};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_kernel::{ClientId, PlainToken};
use tollgate_protocol::oauth::GrantType;
use tollgate_store::{AuthMethod, ClientKind, ClientRecord};

use super::form::{About, Also, Area, Control, FormPage, Part, Select, Wrong};
use super::parts::{Section, Tabs, saved};
use super::words;
use crate::clients::{self, ClientChange};
use crate::state::ConsoleState;

/// The OAuth members of an app as a form has them. Lists are lines, or words.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AppOAuthForm {
    redirect_uris: String,
    post_logout_redirect_uris: String,
    origins: String,
    /// Empty for basic or post.
    auth_method: String,
    /// Words; none is all that its type can.
    grants: String,
    /// Words; none is all but management.
    scopes: String,
    resources: String,
    /// `on` or `off`.
    legacy: String,
    /// `on` or `off`.
    user_header: String,
    access_token_s: String,
    refresh_token_s: String,
}

const FIELDS: [&str; 11] = [
    "redirect_uris",
    "post_logout_redirect_uris",
    "origins",
    "auth_method",
    "grants",
    "scopes",
    "resources",
    "legacy",
    "user_header",
    "access_token_s",
    "refresh_token_s",
];

const METHODS: [(&str, AuthMethod); 2] =
    [("client_secret_basic", AuthMethod::Basic), ("client_secret_post", AuthMethod::Post)];

impl AppOAuthForm {
    fn of(client: &ClientRecord) -> Self {
        let oauth = &client.oauth;
        let switch = |on| if on { "on" } else { "off" }.to_owned();
        let method = METHODS.iter().find(|(_, method)| oauth.auth_method == Some(*method));
        Self {
            redirect_uris: oauth.redirect_uris.join("\n"),
            post_logout_redirect_uris: oauth.post_logout_redirect_uris.join("\n"),
            origins: oauth.origins.join("\n"),
            auth_method: method.map_or("", |(name, _)| name).to_owned(),
            grants: oauth.grants.clone().unwrap_or_default().join(" "),
            scopes: oauth.scopes.clone().unwrap_or_default().join(" "),
            resources: oauth.resources.join("\n"),
            legacy: switch(oauth.legacy),
            user_header: switch(oauth.user_header),
            access_token_s: oauth.access_token_s.to_string(),
            refresh_token_s: oauth.refresh_token_s.to_string(),
        }
    }

    /// The change that is meant.
    fn change(&self, w: Words) -> Result<ClientChange, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut seconds = |field: &'static str, text: &str| {
            let read = text.trim().parse::<u32>();
            read.map_err(|_| wrong.push(Wrong::at(w, field, &format!("wrong-{field}")))).ok()
        };
        let access_token_s = seconds("access_token_s", &self.access_token_s);
        let refresh_token_s = seconds("refresh_token_s", &self.refresh_token_s);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let method = METHODS.iter().find(|(name, _)| *name == self.auth_method);
        Ok(ClientChange {
            redirect_uris: Some(list(&self.redirect_uris)),
            post_logout_redirect_uris: Some(list(&self.post_logout_redirect_uris)),
            origins: Some(list(&self.origins)),
            auth_method: Some(method.map(|(_, method)| *method)),
            grants: Some(some(list(&self.grants))),
            scopes: Some(some(list(&self.scopes))),
            resources: Some(list(&self.resources)),
            legacy: Some(self.legacy == "on"),
            user_header: Some(self.user_header == "on"),
            access_token_s,
            refresh_token_s,
            ..ClientChange::default()
        })
    }
}

fn list(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn some(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

/// Where the page of an app is.
pub(super) fn place(id: ClientId) -> String {
    format!("/admin/apps/{id}/sign-in")
}

/// `GET /admin/apps/{id}/sign-in`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ClientId>,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::READ)?;
    let app = clients::find(&state, &warrant, id).await?;
    let mut page = form_page(&visit, w, &AppOAuthForm::of(&app), &app, &[]);
    if part.saved.is_some() {
        page.banner = saved(w, true);
    }
    page.show(visit)
}

/// `POST /admin/apps/{id}/sign-in`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ClientId>,
    Form(form): Form<AppOAuthForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::WRITE)?;
    let app = clients::find(&state, &warrant, id).await?;
    let wrong = match form.change(w) {
        Ok(change) => match clients::alter(&state, &caller, id, change).await {
            Ok(_) => return reply::see_other(&format!("{}?saved=1", place(id))),
            Err(error) => Wrong::of(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    form_page(&visit, w, &form, &app, &wrong).refuse(visit)
}

#[derive(Template)]
#[template(path = "app_secret.html")]
struct SecretPage {
    tabs: Tabs,
    head: Head,
    id: Control,
    secret: SecretOnce,
}

/// `POST /admin/apps/{id}/secret`: another secret, shown in this answer alone. What stands in the
/// form is not kept.
pub(crate) async fn secret(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ClientId>,
    Form(_): Form<AppOAuthForm>,
) -> Reply {
    let w = words(&visit);
    let secret = clients::new_secret(&state, &caller, id).await?;
    let warrant = state.allow(&caller, clients::READ)?;
    let app = clients::find(&state, &warrant, id).await?;
    let back = Link { href: place(id), text: w.get("app-secret-saved") };
    let title = w.with("app-secret-title", &[("app", app.name.as_str().into())]);
    let secret = PlainToken::new(secret);
    let page = SecretPage {
        tabs: Tabs::new(&visit, Section::Apps),
        head: Head { title: title.clone(), lead: w.get("app-secret-lead"), action: None },
        id: client_id(w, &app),
        secret: SecretOnce::new(visit.locale(), w.get("app-secret"), secret, back),
    };
    visit.leading_to(&place(id)).show(&title, &page)
}

fn client_id(w: Words, app: &ClientRecord) -> Control {
    Control::Copy {
        label: w.get("app-client-id"),
        hint: w.get("app-client-id-hint"),
        command: Command::new(w.locale(), app.client_id()),
    }
}

fn form_page(
    visit: &Visit,
    w: Words,
    form: &AppOAuthForm,
    app: &ClientRecord,
    wrong: &[Wrong],
) -> FormPage {
    let id = app.id;
    let controls = controls(visit, w, form, app, wrong);
    let line = format!("tollgate client set {id} --redirect-uri https://app.example.com/callback");
    let about = format!("{id}/sign-in");
    let page = FormPage::new(visit, Section::Apps, About::One(&about), controls, wrong, line);
    let mut page = page.declared(w, app.declared);
    page.head.title = w.with("app-oauth-title", &[("app", app.name.as_str().into())]);
    page.head.lead = w.get("app-oauth-lead");
    let href = format!("/admin/apps/{id}");
    page.head.action = Some(Link { href, text: app.name.clone() });
    if app.kind == ClientKind::Confidential && !app.declared {
        let text = w.get(if app.has_secret { "app-secret-rotate" } else { "app-secret-make" });
        page.also = Some(Also { action: format!("/admin/apps/{id}/secret"), text });
    }
    page
}

fn controls(
    visit: &Visit,
    w: Words,
    form: &AppOAuthForm,
    app: &ClientRecord,
    wrong: &[Wrong],
) -> Vec<Control> {
    let area = |id: &'static str, value: &str| {
        Control::Area(Area {
            id,
            label: w.get(&format!("app-{id}")),
            value: value.to_owned(),
            hint: Some(w.get(&format!("app-{id}-hint"))),
            error: Wrong::on(wrong, id),
        })
    };
    let line = |id: &'static str, value: &str, hint: String| {
        let field = Field::new(id, "text", w.get(&format!("app-{id}"))).value(value).hint(hint);
        Control::Field(field.optional().error(Wrong::on(wrong, id)))
    };
    let switch = |id: &'static str, value: &str| {
        let options = ["off", "on"].map(|name| (name.to_owned(), w.get(&format!("switch-{name}"))));
        Control::Select(Select {
            id,
            label: w.get(&format!("app-{id}")),
            options: options.into(),
            chosen: value.to_owned(),
            hint: Some(w.get(&format!("app-{id}-hint"))),
            error: Wrong::on(wrong, id),
        })
    };
    let hint = |id: &str| w.get(&format!("app-{id}-hint"));
    let issuer = visit.exchange().edge().origin().to_owned();
    let kind = w.get(&format!("type-{}-long", app.kind.as_str()));
    let facts =
        vec![(w.get("column-type"), Cell::Text(kind)), (w.get("app-issuer"), Cell::Code(issuer))];
    let grants = GrantType::ALL.map(GrantType::as_str).join(", ");
    let grants_hint = w.with("app-grants-hint", &[("grants", grants.into())]);
    let mut controls = vec![
        Control::Facts(Definitions { items: facts }),
        client_id(w, app),
        area("redirect_uris", &form.redirect_uris),
        area("post_logout_redirect_uris", &form.post_logout_redirect_uris),
        area("origins", &form.origins),
        line("grants", &form.grants, grants_hint),
        line("scopes", &form.scopes, hint("scopes")),
        area("resources", &form.resources),
        line("access_token_s", &form.access_token_s, hint("access_token_s")),
        line("refresh_token_s", &form.refresh_token_s, hint("refresh_token_s")),
    ];
    if app.kind == ClientKind::Confidential {
        controls.push(method(w, form, wrong));
        controls.push(switch("legacy", &form.legacy));
        controls.push(switch("user_header", &form.user_header));
    }
    controls
}

fn method(w: Words, form: &AppOAuthForm, wrong: &[Wrong]) -> Control {
    let named = METHODS.map(|(name, _)| (name.to_owned(), w.get(&format!("method-{name}"))));
    let either = (String::new(), w.get("method-either"));
    Control::Select(Select {
        id: "auth_method",
        label: w.get("app-auth_method"),
        options: std::iter::once(either).chain(named).collect(),
        chosen: form.auth_method.clone(),
        hint: None,
        error: Wrong::on(wrong, "auth_method"),
    })
}
