//! `/link/{token}`: looking uses nothing up, the button does.

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Field, Head, Summary, Tone};
use tollgate_edge::{Caller, Form, Path, Reply, Visit, reply};
use tollgate_kernel::{Kind, PlainToken, Secret};
use tollgate_store::LinkPurpose;

use super::login::HOME;
use super::strength::Meter;
use super::{TEXTS, agent_of, banner, signed_in, style};
use crate::new_password::mistake_in;
use crate::state::IdentityState;
use crate::use_link::{Behind, look, use_link};

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    style: String,
    head: Head,
    over: Option<Banner>,
    summary: Option<Summary>,
    action: String,
    csrf: String,
    email: String,
    password: Option<Field>,
    meter: Option<Meter>,
    button: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typed {
    /// Shown so that password managers know whose password it is; not read.
    #[serde(default, rename = "username")]
    _username: String,
    password: Option<Secret>,
}

/// The keys of title and button for a purpose.
fn words_of(purpose: LinkPurpose) -> (&'static str, &'static str) {
    match purpose {
        LinkPurpose::Reset => ("link-reset-title", "link-reset-button"),
        LinkPurpose::Invite => ("link-invite-title", "link-invite-button"),
        LinkPurpose::SignIn | LinkPurpose::Setup => ("link-sign-in-title", "link-sign-in-button"),
    }
}

impl Page {
    fn new(visit: &Visit, w: &Words, behind: &Behind, token: &str, wrong: Option<String>) -> Self {
        let (title, button) = words_of(behind.purpose);
        let password = behind.asks_password().then(|| {
            Field::new("password", "password", w.get("field-new-password"))
                .autocomplete("new-password")
                .hint(w.get("field-password-hint"))
                .error(wrong)
        });
        let summary = password.as_ref().and_then(|field| Summary::of(w.locale(), &[field]));
        let email = behind.user.email.clone();
        let lead = w.with("link-lead", &[("email", email.as_str().into())]);
        Self {
            style: style(visit),
            meter: password.as_ref().map(|_| Meter::new(visit)),
            head: Head { title: w.get(title), lead, action: None },
            over: None,
            summary,
            action: format!("/link/{token}"),
            csrf: visit.csrf(),
            email,
            password,
            button: w.get(button),
        }
    }

    fn over(visit: &Visit, w: &Words) -> Self {
        Self {
            style: style(visit),
            head: Head { title: w.get("link-over-title"), lead: String::new(), action: None },
            over: banner(Tone::Warn, w.get("link-over")),
            summary: None,
            action: String::new(),
            csrf: String::new(),
            email: String::new(),
            password: None,
            meter: None,
            button: String::new(),
        }
    }
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(token): Path<String>,
    visit: Visit,
) -> Reply {
    let w = visit.words(&TEXTS);
    let plain = PlainToken::new(token.clone());
    let (status, page) = match look(&state.gate, &caller, &plain).await? {
        Some(behind) => (StatusCode::OK, Page::new(&visit, &w, &behind, &token, None)),
        None => (StatusCode::NOT_FOUND, Page::over(&visit, &w)),
    };
    let title = page.head.title.clone();
    visit.show_as(status, None, &title, &page)
}

pub(crate) async fn follow(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(token): Path<String>,
    headers: HeaderMap,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Reply {
    let plain = PlainToken::new(token.clone());
    let password = typed.password.map(|secret| PlainToken::new(secret.expose().to_owned()));
    let w = visit.words(&TEXTS);
    // What is typed is looked at first, so that a mistake does not use the link up.
    if let Some(behind) = look(&state.gate, &caller, &plain).await?
        && behind.asks_password()
    {
        let empty = PlainToken::new(String::new());
        let typed = password.as_ref().unwrap_or(&empty);
        if let Some(mistake) = mistake_in(typed, behind.own()).await? {
            let page = Page::new(&visit, &w, &behind, &token, Some(mistake.words(&w)));
            let title = page.head.title.clone();
            return visit.show_as(StatusCode::UNPROCESSABLE_ENTITY, None, &title, &page);
        }
    }
    let agent = agent_of(&headers);
    match use_link(&state, &caller, &plain, password, agent.as_deref()).await {
        Ok(started) => {
            let edge = visit.exchange().edge();
            Ok(signed_in(reply::see_other(HOME)?, edge, &started)?)
        }
        Err(error) if error.kind() == Kind::NotFound => {
            let page = Page::over(&visit, &w);
            let title = page.head.title.clone();
            visit.show_as(StatusCode::NOT_FOUND, None, &title, &page)
        }
        Err(error) => Err(error.into()),
    }
}
