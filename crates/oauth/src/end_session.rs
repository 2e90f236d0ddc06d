//! Signing out from an app (OpenID Connect RP-Initiated Logout).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Edge, Form, RawBody, Visit};
use tollgate_gate::{Gate, Principal, Purpose};
use tollgate_kernel::{Error, Manage, Noun};
use tollgate_protocol::oauth::{Params, answer_url};
use tollgate_store::{AccountState, AuditEvent, ClientRecord, Owner};

use crate::authorize::as_query;
use crate::consider::{Person, person};
use crate::pages;
use crate::state::OAuthState;

/// What a sealed address begins with, so that nothing else that is sealed reads as one.
const END: &str = "end:";

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Pages that were kept show what only their person may see; language and theme stay.
const CLEARED: HeaderValue = HeaderValue::from_static("\"cache\", \"storage\"");

/// `GET /oauth/end-session`.
pub(crate) async fn show(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    visit: Visit,
    uri: Uri,
) -> Reply {
    let gate = &state.gate;
    let params = Params::from_form(uri.query().unwrap_or_default().as_bytes())?;
    let Wanted { target, user } = wanted(gate, &caller, &params).await?;
    let Some(person) = person(gate, &caller).await? else {
        return match target {
            Some(target) => reply::see_other(&target),
            None => pages::signed_out(visit),
        };
    };
    // Without a word of who is meant, the person is asked: a link must not sign anybody out.
    if user != Some(person.user.to_string()) {
        let ticket = gate
            .stamp(Purpose::AuthorizationTicket, &format!("{END}{}", target.unwrap_or_default()));
        return pages::sign_out(visit, ticket);
    }
    ended(gate, &caller, &person, visit, target).await
}

/// `POST /oauth/end-session`: an app's form comes without our cookies, so it is asked again as an
/// address.
pub(crate) async fn by_form(RawBody(body): RawBody) -> Reply {
    reply::see_other(&format!("/oauth/end-session?{}", as_query(&body)?))
}

/// The answer to the question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Yes {
    ticket: String,
}

/// `POST /oauth/sign-out`.
pub(crate) async fn confirm(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(yes): Form<Yes>,
) -> Reply {
    let gate = &state.gate;
    let target = gate.stamped(Purpose::AuthorizationTicket, &yes.ticket);
    let target = target.and_then(|target| target.strip_prefix(END)).unwrap_or_default();
    let target = Some(target.to_owned()).filter(|target| !target.is_empty());
    match person(gate, &caller).await? {
        Some(person) => ended(gate, &caller, &person, visit, target).await,
        None => pages::signed_out(visit),
    }
}

/// What a request asks for.
struct Wanted {
    /// Where the browser goes afterwards: an address that its app registered (T17).
    target: Option<String>,
    /// Who is meant.
    user: Option<String>,
}

async fn wanted(gate: &Gate, caller: &Arc<Principal>, params: &Params) -> Result<Wanted, Error> {
    let hint = params.text("id_token_hint").and_then(|hint| gate.read_id_token(hint));
    let said = params.text("client_id");
    let app = match (&hint, said) {
        (Some(hint), Some(said)) if hint.aud != said => None,
        (Some(hint), _) => Some(hint.aud.as_str()),
        (None, said) => said,
    };
    let client = match app {
        Some(app) => {
            let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
            gate.read(&warrant).client_called(app).await?
        }
        None => None,
    };
    let client = client.filter(|client| client.state == AccountState::Active);
    let target = client.and_then(|client| target(&client, params));
    // Who is meant counts only with the app that says so.
    let user = hint.filter(|hint| said.is_none_or(|said| said == hint.aud)).map(|hint| hint.sub);
    Ok(Wanted { target, user })
}

fn target(client: &ClientRecord, params: &Params) -> Option<String> {
    let asked = params.text("post_logout_redirect_uri")?;
    let known = client.oauth.post_logout_redirect_uris.iter().any(|uri| uri == asked);
    let state = params.text("state").map(|state| ("state", state));
    known.then(|| answer_url(asked, &state.into_iter().collect::<Vec<_>>()))
}

/// Ends the session, and what ends with it.
async fn ended(
    gate: &Gate,
    caller: &Arc<Principal>,
    person: &Person,
    visit: Visit,
    target: Option<String>,
) -> Reply {
    let warrant = gate.allow(caller, Manage::write(Noun::Grants))?;
    let session = person.session.id;
    let mut tx = gate.begin(&warrant).await?;
    tx.end_session(Owner::User(person.user), session).await?;
    tx.commit(AuditEvent::new("session.end", format!("session:{session}"))).await?;
    gate.heed().await;
    let edge = Arc::clone(visit.exchange().edge());
    let response = reply::see_other(target.as_deref().unwrap_or("/oauth/end-session"))?;
    Ok(without_session(&edge, response)?)
}

fn without_session(edge: &Edge, response: Response) -> Result<Response, Error> {
    let mut response = reply::with_cookie(response, edge.cookies().clear_session()?);
    response.headers_mut().insert(CLEAR_SITE_DATA, CLEARED);
    Ok(response)
}
