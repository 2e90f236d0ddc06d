//! `/account/apps`: the apps that a person allowed something, and taking it back.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Empty, Head, Table};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Path, Visit};
use tollgate_kernel::{ClientId, Error, Manage, Noun, Timestamp};
use tollgate_store::ConsentRecord;

use super::{TEXTS, in_words};
use crate::grants::take_back;
use crate::state::OAuthState;

#[derive(Template)]
#[template(path = "apps.html")]
struct Page {
    head: Head,
    table: Option<Table>,
    empty: Option<Empty>,
}

/// The button that takes back what one app was allowed.
#[derive(Template)]
#[template(path = "app_button.html")]
struct TakeBack<'a> {
    app: ClientId,
    csrf: &'a str,
    words: String,
}

impl HtmlSafe for TakeBack<'_> {}

/// `GET /account/apps`.
pub(crate) async fn show(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let w = visit.words(&TEXTS);
    let warrant = state.gate.allow(&caller, Manage::read(Noun::Grants))?;
    let consents = match caller.user() {
        Some(user) => state.gate.read(&warrant).consents(user).await?,
        None => Vec::new(),
    };
    let (now, csrf) = (state.gate.clock().now(), visit.csrf());
    let rows = consents.iter().map(|consent| row(w, now, consent, &csrf));
    let rows = rows.collect::<Result<Vec<_>, Error>>()?;
    let columns = ["app", "may", "resource", "since", "end"];
    let columns = columns.map(|key| Column::text(w.get(&format!("column-{key}"))));
    let empty = Empty { text: w.get("apps-empty"), action: None, command: None };
    let empty = rows.is_empty().then_some(empty);
    let caption = w.get("apps-caption");
    let table = Table { caption, columns: columns.into(), rows, next: None };
    let title = w.get("apps-title");
    let head = Head { title: title.clone(), lead: w.get("apps-lead"), action: None };
    visit.show(&title, &Page { head, table: empty.is_none().then_some(table), empty })
}

fn row(w: Words, now: Timestamp, consent: &ConsentRecord, csrf: &str) -> Result<Vec<Cell>, Error> {
    let scopes: Vec<String> = consent.scope.split(' ').map(|scope| in_words(w, scope)).collect();
    let words = w.with("apps-end", &[("app", consent.name.as_str().into())]);
    let button = TakeBack { app: consent.client, csrf, words };
    Ok(vec![
        Cell::Text(consent.name.clone()),
        Cell::Text(scopes.join("; ")),
        Cell::Code(consent.resource.clone()),
        Cell::ago(w.locale(), consent.updated_at, now),
        Cell::Part(button.render().map_err(Error::internal)?),
    ])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

/// `POST /account/apps/{client_id}/end`.
pub(crate) async fn end(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    Path(client): Path<ClientId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    take_back(&state, &caller, client).await?;
    reply::see_other("/account/apps")
}
