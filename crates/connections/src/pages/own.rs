//! `/account/connections`: the tools that are offered, and a person's own connections.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Empty, Field, Head, Link, Tone};
use tollgate_edge::{Caller, Form, Path, Query, Reply, Visit, reply};
use tollgate_gate::Install;
use tollgate_kernel::{ConnectionId, ConnectionState, InstallId, Kind, Secret};
use tollgate_protocol::plugin_host::Auth;
use tollgate_store::ConnectionRecord;

use super::{OWN_AT, TEXTS};
use crate::connect;
use crate::state::ConnectionsState;

/// Whether something was just done.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Said {
    /// `connected` or `ended`.
    saved: Option<String>,
}

/// A tool to connect, with the person's token where it wants one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectForm {
    #[schemars(with = "String")]
    install: InstallId,
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    token: Option<Secret>,
}

/// A form with nothing in it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

/// A tool as a person sees it.
#[derive(Template)]
#[template(path = "tool.html")]
struct Card {
    w: Words,
    csrf: String,
    id: String,
    name: String,
    domain: String,
    description: String,
    /// The words of its state; none where there is no connection.
    state: Option<String>,
    /// Where calls go through.
    url: Option<String>,
    /// Where the person signs in at the tool, and the words on it.
    sign_in: Option<Link>,
    /// What the tool calls us, where the person will meet that.
    client_id: Option<String>,
    /// A field for the person's own token, and the header that it goes in.
    token: Option<(Field, String)>,
    /// Whether a button connects at once.
    connects: bool,
    /// Where the connection is ended.
    end: Option<String>,
}

impl askama::filters::HtmlSafe for Card {}

#[derive(Template)]
#[template(path = "own.html")]
struct Page {
    head: Head,
    banner: Option<Banner>,
    cards: Vec<Card>,
    empty: Option<Empty>,
    command: Command,
}

/// `GET /account/connections`.
pub(crate) async fn list(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Query(Said { saved }): Query<Said>,
    visit: Visit,
) -> Reply {
    let all = connect::gallery(&state, &caller).await?;
    let w = visit.words(&TEXTS);
    let said = match saved.as_deref() {
        Some("connected") => Some("own-connected"),
        Some("ended") => Some("own-ended"),
        _ => None,
    };
    let banner = said.map(|key| Banner { tone: Tone::Ok, text: w.get(key), link: None });
    let page = page(&visit, all, banner, None);
    visit.show(&w.get("own-title"), &page)
}

/// `POST /account/connections`.
pub(crate) async fn connect(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(ConnectForm { install, token }): Form<ConnectForm>,
) -> Reply {
    let token = token.filter(|token| !token.expose().trim().is_empty());
    let error = match connect::connect(&state, &caller, install, token).await {
        Ok(pair) if pair.connection.state == ConnectionState::Active => {
            return reply::see_other(&format!("{OWN_AT}?saved=connected"));
        }
        // The page says where to go on: a form may lead to our own pages alone.
        Ok(pair) => return going(visit, &pair.install, pair.connection.id),
        Err(error) if error.kind() == Kind::InvalidRequest => error,
        Err(error) => return Err(error.into()),
    };
    let all = connect::gallery(&state, &caller).await?;
    let w = visit.words(&TEXTS);
    let page = page(&visit, all, None, Some((install, error.detail().to_owned())));
    visit.leading_to(OWN_AT).show_as(StatusCode::BAD_REQUEST, None, &w.get("own-title"), &page)
}

/// What comes next: the person signs in at the tool.
fn going(visit: Visit, install: &Install, id: ConnectionId) -> Reply {
    let w = visit.words(&TEXTS);
    let name = install.record.name.as_str();
    let title = w.with("own-going-title", &[("tool", name.into())]);
    let lead = w.with("own-going-lead", &[("tool", name.into())]);
    let link = Link {
        href: format!("{OWN_AT}/{id}/sign-in"),
        text: w.with("own-sign-in", &[("tool", name.into())]),
    };
    let page = super::Message {
        head: Head { title: title.clone(), lead, action: None },
        banner: None,
        links: vec![link],
    };
    visit.leading_to(OWN_AT).show(&title, &page)
}

/// `GET /account/connections/{id}/sign-in`.
pub(crate) async fn sign_in(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ConnectionId>,
) -> Reply {
    let origin = visit.exchange().edge().origin();
    let place = connect::leave(&state, &caller, origin, id).await?;
    reply::see_other(&place)
}

/// `POST /account/connections/{id}/end`.
pub(crate) async fn end(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<ConnectionId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    connect::disconnect(&state, &caller, id).await?;
    reply::see_other(&format!("{OWN_AT}?saved=ended"))
}

fn page(
    visit: &Visit,
    all: Vec<(Install, Option<ConnectionRecord>)>,
    banner: Option<Banner>,
    wrong: Option<(InstallId, String)>,
) -> Page {
    let w = visit.words(&TEXTS);
    let line = "tollgate connection list";
    let empty =
        all.is_empty().then(|| Empty { text: w.get("own-empty"), action: None, command: None });
    let cards = all.into_iter().map(|(install, own)| {
        let wrong = wrong.as_ref().filter(|(id, _)| *id == install.record.id);
        card(visit, w, &install, own.as_ref(), wrong.map(|(_, what)| what.clone()))
    });
    Page {
        head: Head { title: w.get("own-title"), lead: w.get("own-lead"), action: None },
        banner,
        cards: cards.collect(),
        empty,
        command: Command::same(w.locale(), line),
    }
}

fn card(
    visit: &Visit,
    w: Words,
    install: &Install,
    own: Option<&ConnectionRecord>,
    wrong: Option<String>,
) -> Card {
    let auth = &install.facts.manifest.auth;
    let (is_oauth, is_user) =
        (matches!(auth, Auth::OAuth(_)), matches!(auth, Auth::UserHttp { .. }));
    let works = own.is_some_and(|own| own.state == ConnectionState::Active);
    let name = install.record.name.as_str();
    let words = w.with("own-sign-in", &[("tool", name.into())]);
    let sign_in = own
        .filter(|_| is_oauth && !works)
        .map(|own| Link { href: format!("{OWN_AT}/{}/sign-in", own.id), text: words });
    let field = Field::new("token", "password", w.get("own-token"))
        .hint(w.with("own-token-hint", &[("tool", name.into())]))
        .error(wrong);
    let token = (is_user && !works).then(|| (field, install.header_shown().unwrap_or_default()));
    let origin = visit.exchange().edge().origin();
    Card {
        csrf: visit.csrf(),
        id: install.record.id.to_string(),
        domain: install.record.domain.clone(),
        description: install.facts.manifest.description_for_human.clone(),
        state: own.map(|own| w.get(&format!("state-{}", own.state.as_str().replace('_', "-")))),
        url: own.filter(|_| works).map(|own| format!("{origin}/connections/{}/", own.id)),
        client_id: install.record.client_id.clone().filter(|_| is_oauth && !works),
        connects: own.is_none() && !is_user,
        end: own.map(|own| format!("{OWN_AT}/{}/end", own.id)),
        name: name.to_owned(),
        sign_in,
        token,
        w,
    }
}
