//! `/logout`.

use askama::Template;
use axum::extract::State;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::Head;
use tollgate_edge::{Caller, Form, Reply, Visit, reply};

use super::TEXTS;
use super::login::is_signed_in;
use crate::sign_out::sign_out;
use crate::state::IdentityState;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Pages that were kept show what only their person may see; language and theme stay.
const CLEARED: HeaderValue = HeaderValue::from_static("\"cache\", \"storage\"");

#[derive(Template)]
#[template(path = "logout.html")]
struct Page {
    w: Words,
    head: Head,
    csrf: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn show(Caller(caller): Caller, visit: Visit) -> Reply {
    if !is_signed_in(&caller) {
        return reply::see_other("/login");
    }
    let w = visit.words(&TEXTS);
    let title = w.get("logout-title");
    let head = Head { title: title.clone(), lead: w.get("logout-lead"), action: None };
    let page = Page { w, head, csrf: visit.csrf() };
    visit.show(&title, &page)
}

pub(crate) async fn leave(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(Nothing {}): Form<Nothing>,
) -> Reply {
    sign_out(&state.gate, &caller).await?;
    let cleared = visit.exchange().edge().cookies().clear_session()?;
    let mut response = reply::with_cookie(reply::see_other("/login")?, cleared);
    response.headers_mut().insert(CLEAR_SITE_DATA, CLEARED);
    Ok(response)
}
