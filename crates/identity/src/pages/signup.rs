//! `/signup`.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Field, Head, Summary, Tone};
use tollgate_edge::{Caller, Form, Reply, Visit};
use tollgate_kernel::{Error, PlainToken, Secret};

use super::login::{self, HOME};
use super::provider::Buttons;
use super::strength::Meter;
use super::{TEXTS, banner, style};
use crate::check::{self, Mistake};
use crate::new_password::{Own, mistake_in};
use crate::sign_up::{SignUp, is_open, sign_up};
use crate::state::IdentityState;

#[derive(Template)]
#[template(path = "signup.html")]
struct Page {
    w: Words,
    style: String,
    head: Head,
    open: bool,
    closed: Option<tollgate_edge::page::parts::Banner>,
    summary: Option<Summary>,
    csrf: String,
    fields: [Field; 3],
    meter: Meter,
    /// The providers that somebody may come in by instead.
    ways: Option<Buttons>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typed {
    username: String,
    #[serde(default)]
    name: String,
    password: Option<Secret>,
}

impl Page {
    fn new(visit: &Visit, typed: &Typed, wrong: Option<Mistake>, open: bool) -> Self {
        let w = visit.words(&TEXTS);
        let fields = account_fields(&w, &typed.username, &typed.name, wrong);
        let [email, name, password] = &fields;
        Self {
            style: style(visit),
            head: Head { title: w.get("signup-title"), lead: String::new(), action: None },
            open,
            closed: if open { None } else { banner(Tone::Info, w.get("signup-closed")) },
            summary: Summary::of(w.locale(), &[email, name, password]),
            csrf: visit.csrf(),
            meter: Meter::new(visit),
            fields,
            ways: None,
            w,
        }
    }

    fn beside(mut self, ways: Option<Buttons>) -> Self {
        self.ways = ways;
        self
    }

    fn answer(self, visit: Visit, status: StatusCode) -> Reply {
        let title = self.w.get("signup-title");
        visit.show_as(status, None, &title, &self)
    }
}

/// Address, name and a new password, as sign-up and set-up ask for them.
pub(super) fn account_fields(
    w: &Words,
    email: &str,
    name: &str,
    wrong: Option<Mistake>,
) -> [Field; 3] {
    let said = |param: &str| {
        wrong.filter(|mistake| mistake.param() == param).map(|mistake| mistake.words(w))
    };
    [
        Field::new("username", "email", w.get("field-email"))
            .autocomplete("username")
            .value(email)
            .error(said("email")),
        Field::new("name", "text", w.get("field-name"))
            .autocomplete("name")
            .value(name)
            .hint(w.get("field-name-hint"))
            .error(said("name"))
            .optional(),
        Field::new("password", "password", w.get("field-password"))
            .autocomplete("new-password")
            .hint(w.get("field-password-hint"))
            .error(said("password")),
    ]
}

/// What is wrong with what was typed, if anything is: the first of it.
pub(super) async fn mistake(
    email: &str,
    name: &str,
    password: &PlainToken,
) -> Result<Option<Mistake>, Error> {
    let account = check::email(email).map(drop).and_then(|()| check::name(name).map(drop));
    match account {
        Ok(()) => mistake_in(password, Own { email, name }).await,
        Err(mistake) => Ok(Some(mistake)),
    }
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let open = is_open(&state.gate, &caller).await?;
    let ways = Buttons::of(&state.gate, &caller, &visit, HOME).await?;
    let page = Page::new(&visit, &Typed::default(), None, open).beside(ways);
    page.answer(visit, StatusCode::OK)
}

pub(crate) async fn join(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Reply {
    let ways = Buttons::of(&state.gate, &caller, &visit, HOME).await?;
    if !is_open(&state.gate, &caller).await? {
        let page = Page::new(&visit, &typed, None, false).beside(ways);
        return page.answer(visit, StatusCode::FORBIDDEN);
    }
    let password = typed.password.as_ref().map_or("", Secret::expose);
    let password = PlainToken::new(password.to_owned());
    if let Some(wrong) = mistake(&typed.username, &typed.name, &password).await? {
        let page = Page::new(&visit, &typed, Some(wrong), true).beside(ways);
        return page.answer(visit, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let account = SignUp {
        email: typed.username.clone(),
        name: typed.name,
        locale: visit.locale().tag().to_owned(),
        password,
    };
    sign_up(&state, &caller, account).await?;
    let page = login::Page::new(&visit, HOME, &typed.username, true).beside(ways);
    page.with(Tone::Ok, "signup-done").answer(visit, StatusCode::OK)
}
