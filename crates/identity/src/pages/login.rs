//! `/login`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Field, Head, Tone};
use tollgate_edge::{Caller, Form, Query, Reply, Visit, reply, safe_next};
use tollgate_gate::Principal;
use tollgate_kernel::{Kind, PlainToken, Secret};

use super::provider::Buttons;
use super::{TEXTS, agent_of, banner, signed_in, style};
use crate::sign_in::{SignIn, sign_in};
use crate::sign_up;
use crate::state::IdentityState;

/// Where a sign-in ends when nobody asked for another place.
pub(super) const HOME: &str = "/account";

#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct Page {
    w: Words,
    style: String,
    head: Head,
    banner: Option<Banner>,
    csrf: String,
    next: String,
    username: Field,
    password: Field,
    open: bool,
    /// The providers that somebody may sign in with.
    ways: Option<Buttons>,
}

/// What the address may ask for; anything else in it is left alone.
#[derive(Deserialize)]
pub(crate) struct Asked {
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typed {
    username: String,
    password: Secret,
    #[serde(default)]
    next: String,
}

impl Page {
    /// The form for `username`; `open` is whether people may sign up.
    pub(super) fn new(visit: &Visit, next: &str, username: &str, open: bool) -> Self {
        let w = visit.words(&TEXTS);
        let email = Field::new("username", "email", w.get("field-email"));
        let password = Field::new("password", "password", w.get("field-password"));
        Self {
            style: style(visit),
            head: Head { title: w.get("login-title"), lead: w.get("login-lead"), action: None },
            banner: None,
            csrf: visit.csrf(),
            next: next.to_owned(),
            username: email.autocomplete("username").value(username),
            password: password.autocomplete("current-password"),
            open,
            ways: None,
            w,
        }
    }

    /// With these providers beside the form.
    pub(super) fn beside(mut self, ways: Option<Buttons>) -> Self {
        self.ways = ways;
        self
    }

    /// With a message on top.
    pub(super) fn with(mut self, tone: Tone, key: &str) -> Self {
        self.banner = banner(tone, self.w.get(key));
        self
    }

    /// The whole answer.
    pub(super) fn answer(self, visit: Visit, status: StatusCode) -> Reply {
        let title = self.w.get("login-title");
        visit.show_as(status, None, &title, &self)
    }
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let next = asked.next.as_deref().and_then(safe_next).unwrap_or(HOME);
    if is_signed_in(&caller) {
        return reply::see_other(next);
    }
    let open = sign_up::is_open(&state.gate, &caller).await?;
    let ways = Buttons::of(&state.gate, &caller, &visit, next).await?;
    Page::new(&visit, next, "", open).beside(ways).answer(visit, StatusCode::OK)
}

pub(super) fn is_signed_in(caller: &Arc<Principal>) -> bool {
    caller.user().is_some()
}

pub(crate) async fn enter(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Reply {
    let next = safe_next(&typed.next).unwrap_or(HOME);
    let attempt = SignIn {
        email: typed.username.clone(),
        password: PlainToken::new(typed.password.expose().to_owned()),
        agent: agent_of(&headers),
    };
    match sign_in(&state, &caller, attempt).await {
        Ok(started) => {
            let edge = visit.exchange().edge();
            Ok(signed_in(reply::see_other(next)?, edge, &started)?)
        }
        Err(error) if error.kind() == Kind::Unauthenticated => {
            let open = sign_up::is_open(&state.gate, &caller).await?;
            let ways = Buttons::of(&state.gate, &caller, &visit, next).await?;
            let page = Page::new(&visit, next, &typed.username, open).beside(ways);
            page.with(Tone::Danger, "login-refused").answer(visit, StatusCode::UNAUTHORIZED)
        }
        Err(error) => Err(error.into()),
    }
}
