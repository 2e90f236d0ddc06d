//! `/admin/users/{id}/link`: a one-time link for somebody, until the server can send mail itself.
//! People are the console's; the links by which they come in are this door's.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Definitions, Head, Link, SecretOnce, Tone};
use tollgate_edge::{Caller, Form, Path, Reply, Visit};
use tollgate_kernel::{Error, Kind, PlainToken, UserId};
use tollgate_store::{LinkPurpose, UserRecord};

use super::{TEXTS, banner, said, style};
use crate::list_users::find_user;
use crate::make_link::{MadeLink, link_path, make_link};
use crate::state::IdentityState;

/// In the order of how often they are wanted.
const PURPOSES: [LinkPurpose; 3] = [LinkPurpose::Reset, LinkPurpose::SignIn, LinkPurpose::Invite];

#[derive(Template)]
#[template(path = "user_link.html")]
struct Page {
    w: Words,
    style: String,
    back: Link,
    head: Head,
    banner: Option<Banner>,
    place: String,
    csrf: String,
    choices: Vec<Choice>,
    command: Command,
}

/// What a link can be for.
struct Choice {
    value: &'static str,
    label: String,
    hint: String,
    chosen: bool,
}

/// The page that shows a link, once.
#[derive(Template)]
#[template(path = "user_link_made.html")]
struct Made {
    style: String,
    head: Head,
    secret: SecretOnce,
    facts: Definitions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    purpose: String,
}

impl Page {
    fn new(visit: &Visit, user: &UserRecord) -> Self {
        let w = visit.words(&TEXTS);
        // Whoever has no password yet is invited.
        let usual = if user.has_password { LinkPurpose::Reset } else { LinkPurpose::Invite };
        let choices = PURPOSES.map(|purpose| {
            let key = format!("user-link-{}", purpose.as_str().replace('_', "-"));
            Choice {
                value: purpose.as_str(),
                label: w.get(&key),
                hint: w.get(&format!("{key}-hint")),
                chosen: purpose == usual,
            }
        });
        // By id: an address may hold what a shell would run.
        let line = format!("tollgate user link {} --purpose {usual}", user.id);
        Self {
            style: style(visit),
            back: Link { href: person(user.id), text: user.email.clone() },
            head: Head { title: titled(&w, "title", user), lead: lead(&w, "lead"), action: None },
            banner: None,
            place: format!("{}/link", person(user.id)),
            csrf: visit.csrf(),
            choices: choices.into(),
            command: Command::same(w.locale(), line),
            w,
        }
    }
}

/// Where the console shows a person.
fn person(id: UserId) -> String {
    format!("/admin/users/{id}")
}

fn titled(w: &Words, what: &str, user: &UserRecord) -> String {
    w.with(&format!("user-link-{what}"), &[("email", user.email.as_str().into())])
}

fn lead(w: &Words, what: &str) -> String {
    w.get(&format!("user-link-{what}"))
}

/// `GET /admin/users/{id}/link`.
pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<UserId>,
    visit: Visit,
) -> Reply {
    let user = find_user(&state.gate, &caller, id).await?.user;
    let page = Page::new(&visit, &user);
    let title = page.head.title.clone();
    visit.show(&title, &page)
}

/// `POST /admin/users/{id}/link`.
pub(crate) async fn make(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<UserId>,
    visit: Visit,
    Form(chosen): Form<Chosen>,
) -> Reply {
    let user = find_user(&state.gate, &caller, id).await?.user;
    let purpose: Result<LinkPurpose, Error> = chosen.purpose.parse();
    let (key, status) = match make_link(&state.gate, &caller, id, purpose?).await {
        Ok(link) => return made(&state, visit, &user, &link),
        Err(error) if error.kind() == Kind::Forbidden => ("refused", StatusCode::FORBIDDEN),
        Err(error) if error.kind() == Kind::Conflict => ("disabled", StatusCode::CONFLICT),
        Err(error) => return Err(error.into()),
    };
    let mut page = Page::new(&visit, &user);
    page.banner = banner(Tone::Danger, lead(&page.w, key));
    let title = page.head.title.clone();
    visit.show_as(status, None, &title, &page)
}

fn made(state: &IdentityState, visit: Visit, user: &UserRecord, link: &MadeLink) -> Reply {
    let w = visit.words(&TEXTS);
    // The address comes from the configuration, never from the request (T50).
    let url = format!("{}{}", visit.exchange().edge().origin(), link_path(&link.token));
    let done = Link { href: person(user.id), text: lead(&w, "done") };
    let until = said::ahead(&w, state.gate.clock().now(), link.expires_at);
    let title = titled(&w, "made-title", user);
    let page = Made {
        style: style(&visit),
        head: Head { title: title.clone(), lead: lead(&w, "made-lead"), action: None },
        secret: SecretOnce::new(w.locale(), lead(&w, "url"), PlainToken::new(url), done),
        facts: Definitions { items: vec![(lead(&w, "until"), until)] },
    };
    visit.show_as(StatusCode::CREATED, None, &title, &page)
}
