//! The authorization endpoint (RFC 6749, 3.1; OpenID Connect Core, 3.1.2).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde::Deserialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Attempt, Caller, Form, Query, RawBody, Visit};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Blame, Error, Manage, Noun, OAuthCode, Timestamp};
use tollgate_protocol::oauth::Params;
use tollgate_store::{AuditEvent, Owner};

use crate::consider::{Answer, Asker, Next, asker, consider, give_code, person};
use crate::pages;
use crate::state::OAuthState;
use crate::ticket::Ticket;

/// The longest form that becomes an address, in bytes.
const FORM_MAX: usize = 4_096;

/// `GET /oauth/authorize`.
pub(crate) async fn show(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    visit: Visit,
    uri: Uri,
) -> Reply {
    let query = uri.query().unwrap_or_default().to_owned();
    let params = Params::from_form(query.as_bytes()).unwrap_or_default();
    let (visit, cookie) = visit.asked_in(params.text("ui_locales").unwrap_or_default())?;
    let response = go_on(&state, &caller, (visit, headers), &query, None).await?;
    Ok(match cookie {
        Some(cookie) => reply::with_cookie(response, cookie),
        None => response,
    })
}

/// `POST /oauth/authorize`: an app's form comes without our cookies, so it is asked again as an
/// address.
pub(crate) async fn by_form(RawBody(body): RawBody) -> Reply {
    reply::see_other(&format!("/oauth/authorize?{}", as_query(&body)?))
}

/// A form as a query, if it is one that an address can hold.
pub(crate) fn as_query(form: &[u8]) -> Result<String, Error> {
    if form.len() > FORM_MAX {
        return Err(Error::oauth(OAuthCode::InvalidRequest, "The request is too long."));
    }
    Ok(Params::from_form(form)?.to_query())
}

/// A request that waited.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    ticket: String,
}

/// `GET /oauth/resume`: a sign-in is over, and the request goes on as it was read (T7).
pub(crate) async fn resume(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    visit: Visit,
    Query(waiting): Query<Waiting>,
) -> Reply {
    let ticket = Ticket::open(&state.gate, &waiting.ticket)?;
    go_on(&state, &caller, (visit, headers), &ticket.query, Some(ticket.since)).await
}

/// `POST /oauth/again`: the session ends, as it does for whoever signs in anew.
pub(crate) async fn again(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(waiting): Form<Waiting>,
) -> Reply {
    let gate = &state.gate;
    let ticket = Ticket::open(gate, &waiting.ticket)?;
    if let Some(person) = person(gate, &caller).await? {
        let warrant = gate.allow(&caller, Manage::write(Noun::Grants))?;
        let mut tx = gate.begin(&warrant).await?;
        let session = person.session.id;
        // With what was allowed in it: else that would end with no session any more.
        tx.end_session(Owner::User(person.user), session).await?;
        tx.commit(AuditEvent::new("session.end", format!("session:{session}"))).await?;
        gate.heed().await;
    }
    let cleared = visit.exchange().edge().cookies().clear_session()?;
    let place = sign_in_page(&ticket.seal(gate), None);
    Ok(reply::with_cookie(reply::see_other(&place)?, cleared))
}

/// Takes a request as far as it goes.
async fn go_on(
    state: &OAuthState,
    caller: &Arc<Principal>,
    (visit, headers): (Visit, HeaderMap),
    query: &str,
    since: Option<Timestamp>,
) -> Reply {
    let gate = &state.gate;
    // Those who are not signed in were counted already.
    if !caller.is_anonymous() {
        state.networks.count(Attempt::Management, caller)?;
    }
    let asker = asker(state, caller, query).await?;
    match decided(gate, caller, &asker, since).await {
        Ok(Decided::Answer(answer)) => sent_back(visit, &headers, &answer),
        Ok(Decided::SignIn(place)) => reply::see_other(&place),
        Ok(Decided::Again(ticket)) => pages::again(visit, &asker, ticket),
        Ok(Decided::Consent(asked)) => pages::consent(gate, caller, visit, &asker, *asked).await,
        // A fault of ours is told to the person, with the id that finds it.
        Err(error) if error.kind().blame() == Blame::Us => Err(error.into()),
        Err(error) => sent_back(visit, &headers, &asker.refusal(gate, &error)),
    }
}

/// What a request comes to.
enum Decided {
    Answer(Answer),
    SignIn(String),
    Again(String),
    Consent(Box<pages::Asked>),
}

async fn decided(
    gate: &Gate,
    caller: &Arc<Principal>,
    asker: &Asker,
    since: Option<Timestamp>,
) -> Result<Decided, Error> {
    let request = asker.request(gate)?;
    let now = gate.clock().now();
    Ok(match consider(gate, caller, asker, &request, since).await? {
        Next::SignIn => {
            let ticket = asker.ticket(now, None).seal(gate);
            Decided::SignIn(sign_in_page(&ticket, request.wish.login_hint.as_deref()))
        }
        Next::Again => Decided::Again(asker.ticket(now, None).seal(gate)),
        Next::Consent(person) => {
            let ticket = asker.ticket(now, Some(person.session.id)).seal(gate);
            let asked = pages::Asked { request, ticket, user: person.user };
            Decided::Consent(Box::new(asked))
        }
        Next::Code(person) => {
            let warrant = gate.allow(caller, Manage::write(Noun::Grants))?;
            let given = give_code(gate, &warrant, asker, &request, (person, false)).await?;
            Decided::Answer(given)
        }
    })
}

/// The sign-in page, from which the request goes on.
fn sign_in_page(ticket: &str, hint: Option<&str>) -> String {
    let next = format!("/oauth/resume?ticket={ticket}");
    let mut params = vec![("next", next.as_str())];
    params.extend(hint.map(|hint| ("hint", hint)));
    tollgate_protocol::oauth::answer_url("/login", &params)
}

/// Sends the browser to the app. Browsers hold the form of our sign-in page to its policy even
/// through redirects, and would stop there: who comes from a page of ours gets a page that leads
/// on by itself.
pub(crate) fn sent_back(visit: Visit, headers: &HeaderMap, answer: &Answer) -> Reply {
    if answer.by_form {
        return pages::by_form(visit, answer);
    }
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let place = answer.address();
    if is("sec-fetch-site", "same-origin") && is("sec-fetch-mode", "navigate") {
        return pages::onward(visit, &place);
    }
    let response: Response = reply::see_other(&place)?;
    Ok(response)
}
