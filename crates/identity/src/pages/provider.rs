//! `/login/{provider}` and `/callback/{provider}`: to a sign-in provider and back; and linking an
//! account there, from a session.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Field, Head, Link, Summary, Tone};
use tollgate_edge::{Caller, Cookies, Edge, Form, Path, Query, Reply, Visit, reply, safe_next};
use tollgate_gate::{Gate, Principal, SIGN_IN_LIFE};
use tollgate_kernel::{Error, IdentityId, Kind, Manage, Noun, PlainToken, Secret, Slug};
use tollgate_store::{ProviderRecord, UserRecord};

use super::login::{HOME, is_signed_in};
use super::{TEXTS, agent_of, banner, signed_in, style};
use crate::change_me::me;
use crate::check::Mistake;
use crate::complete_sign_in::{Back, Outcome, Refusal, Why, complete_sign_in};
use crate::require_current::require_current;
use crate::start_sign_in::{Browser, Start, offered, start_sign_in};
use crate::state::IdentityState;
use crate::unlink_identity::unlink_identity;

/// Where linked accounts are shown.
pub(super) const LINKED_AT: &str = "/account/security";

/// Sends a browser on from a page. A form may lead to our own pages alone (`form-action`), and a
/// redirect counts as where the form leads.
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// The ways to sign in without a password.
#[derive(Template)]
#[template(path = "providers.html")]
pub(super) struct Buttons {
    w: Words,
    /// The id, the address and the words of each.
    buttons: Vec<(String, String, String)>,
}

impl askama::filters::HtmlSafe for Buttons {}

impl Buttons {
    /// A button for each provider that is on; none where there is none. They lead on to `next`.
    pub(super) async fn of(
        gate: &Gate,
        caller: &Arc<Principal>,
        visit: &Visit,
        next: &str,
    ) -> Result<Option<Self>, Error> {
        let w = visit.words(&TEXTS);
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let button = |provider: ProviderRecord| {
            let words = w.with("sign-in-with", &[("provider", provider.title().into())]);
            let place = format!("/login/{}?next={next}", provider.id);
            (provider.id.to_string(), place, words)
        };
        let all = offered(gate, caller).await?;
        let buttons: Vec<_> = all.into_iter().map(button).collect();
        Ok((!buttons.is_empty()).then_some(Self { w, buttons }))
    }
}

/// A page between ours and theirs, or where the way ends.
#[derive(Template)]
#[template(path = "provider.html")]
struct Page {
    style: String,
    head: Head,
    banner: Option<Banner>,
    links: Vec<Link>,
}

/// What the address may ask for; anything else in it is left alone.
#[derive(Deserialize)]
pub(crate) struct Asked {
    next: Option<String>,
}

/// What a provider may answer with; what else it sends is its own affair.
#[derive(Deserialize)]
pub(crate) struct Answered {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkTyped {
    /// Shown so that password managers know whose password it is; not read.
    #[serde(default, rename = "username")]
    _username: String,
    current_password: Option<Secret>,
}

/// Asks for the password before an account is linked.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    style: String,
    head: Head,
    summary: Option<Summary>,
    action: String,
    csrf: String,
    email: String,
    password: Field,
    button: String,
}

impl Confirm {
    fn show(
        visit: Visit,
        provider: &ProviderRecord,
        user: &UserRecord,
        wrong: Option<Mistake>,
    ) -> Reply {
        let w = visit.words(&TEXTS);
        let name = [("provider", provider.title().into())];
        let password = Field::new("current_password", "password", w.get("field-current-password"))
            .autocomplete("current-password")
            .error(wrong.map(|wrong| wrong.words(&w)));
        let title = w.get("provider-confirm-title");
        let lead = w.with("provider-confirm-lead", &name);
        let page = Self {
            style: style(&visit),
            summary: Summary::of(w.locale(), &[&password]),
            head: Head { title: title.clone(), lead, action: None },
            action: format!("/account/providers/{}/link", provider.id),
            csrf: visit.csrf(),
            email: user.email.clone(),
            password,
            button: w.with("link-with", &name),
        };
        let status = match wrong {
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::OK,
        };
        visit.leading_to(LINKED_AT).show_as(status, None, &title, &page)
    }
}

/// `GET /login/{provider}`.
pub(crate) async fn leave(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(provider): Path<Slug>,
    Query(asked): Query<Asked>,
    cookies: Cookies,
    visit: Visit,
) -> Reply {
    let next = asked.next.as_deref().and_then(safe_next).unwrap_or(HOME);
    if is_signed_in(&caller) {
        return reply::see_other(next);
    }
    let edge = visit.exchange().edge();
    let value = kept(&cookies, edge).unwrap_or_else(|| random(&state.gate));
    let browser = Browser::Cookie(value.clone());
    let start = Start { provider: &provider, origin: edge.origin(), browser, next };
    let place = start_sign_in(&state, &caller, start).await?;
    let names = edge.cookies();
    let mut cookie = names.set(names.sign_in(), &value, Some(SIGN_IN_LIFE.as_secs()))?;
    cookie.set_sensitive(true);
    Ok(reply::with_cookie(reply::see_other(place.as_str())?, cookie))
}

/// The cookie that the browser has already, from a sign-in in another tab.
fn kept(cookies: &Cookies, edge: &Edge) -> Option<String> {
    let value = cookies.one(edge.cookies().sign_in())?;
    let ours = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
    ours.then(|| value.to_owned())
}

/// 256 bits in hexadecimal.
fn random(gate: &Gate) -> String {
    let mut bytes = [0_u8; 32];
    gate.rng().fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /callback/{provider}`.
pub(crate) async fn back(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(provider): Path<Slug>,
    Query(answered): Query<Answered>,
    headers: HeaderMap,
    visit: Visit,
) -> Reply {
    let edge = visit.exchange().edge().clone();
    let Answered { code, state: token, iss, error } = answered;
    let back = Back {
        provider,
        state: token.map(PlainToken::new),
        code: code.map(PlainToken::new),
        iss,
        error,
        cookie: kept(&Cookies::of(&headers), &edge),
        agent: agent_of(&headers),
        locale: visit.locale().tag().to_owned(),
        origin: edge.origin().to_owned(),
    };
    match complete_sign_in(&state, &caller, back).await? {
        Outcome::SignedIn(started, next) => {
            Ok(signed_in(reply::see_other(&next)?, &edge, &started)?)
        }
        Outcome::Linked => reply::see_other(&format!("{LINKED_AT}?saved=linked")),
        Outcome::Refused(refusal) => refused(visit, &refusal),
    }
}

fn refused(visit: Visit, refusal: &Refusal) -> Reply {
    let w = visit.words(&TEXTS);
    let known = refusal.provider.clone().unwrap_or_else(|| w.get("provider-some"));
    let text = w.with(refusal.why.key(), &[("provider", known.as_str().into())]);
    let link = |href: &str, key| Link { href: href.to_owned(), text: w.get(key) };
    let (back, words) = if refusal.linking {
        (LINKED_AT, "provider-back-to-security")
    } else {
        ("/login", "provider-back-to-login")
    };
    let mut links = vec![link(back, words)];
    if refusal.why == Why::Unverified && !refusal.linking {
        links.push(link("/signup", "signup-title"));
    }
    let status = match refusal.why {
        Why::Stale | Why::Changed => StatusCode::BAD_REQUEST,
        _ => StatusCode::FORBIDDEN,
    };
    let key = if refusal.linking { "provider-not-linked" } else { "provider-not-signed-in" };
    let title = w.get(key);
    let page = Page {
        style: style(&visit),
        head: Head { title: title.clone(), lead: String::new(), action: None },
        banner: banner(Tone::Danger, text),
        links,
    };
    visit.leading_to(back).show_as(status, None, &title, &page)
}

/// `POST /account/providers/{id}/link`. What is linked lets somebody in for good, so that whoever
/// has but the browser is asked for the password first.
pub(crate) async fn link(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(provider): Path<Slug>,
    visit: Visit,
    Form(typed): Form<LinkTyped>,
) -> Reply {
    let Some(browser) = Browser::of_session(&caller) else {
        let what = "Accounts are linked from the pages of a signed-in browser.";
        return Err(Error::new(Kind::Forbidden, what).into());
    };
    let warrant = state.gate.allow(&caller, Manage::write(Noun::Identities))?;
    let record = state.gate.read(&warrant).provider(&provider).await?;
    let record = record.filter(|record| record.enabled).ok_or_else(Error::not_found)?;
    let user = me(&state.gate, &caller).await?;
    let current = typed.current_password.map(|it| PlainToken::new(it.expose().to_owned()));
    if user.has_password && current.is_none() {
        return Confirm::show(visit, &record, &user, None);
    }
    match require_current(&state, &warrant, &user, current).await {
        Err(error) if error.param() == Some(Mistake::PasswordWrong.param()) => {
            return Confirm::show(visit, &record, &user, Some(Mistake::PasswordWrong));
        }
        known => known?,
    }
    let edge = visit.exchange().edge();
    let start = Start { provider: &provider, origin: edge.origin(), browser, next: LINKED_AT };
    let place = start_sign_in(&state, &caller, start).await?;
    let w = visit.words(&TEXTS);
    let host = place.host_str().unwrap_or_default().to_owned();
    let title = w.get("provider-going-title");
    let text = w.with("provider-going-on", &[("host", host.as_str().into())]);
    let page = Page {
        style: style(&visit),
        head: Head { title: title.clone(), lead: w.get("provider-going-lead"), action: None },
        banner: None,
        links: vec![Link { href: place.to_string(), text }],
    };
    let visit = visit.leading_to(LINKED_AT);
    let mut response = visit.show_as(StatusCode::OK, None, &title, &page)?;
    let mut refresh = HeaderValue::from_str(&format!("0; url={place}")).map_err(Error::internal)?;
    refresh.set_sensitive(true);
    response.headers_mut().insert(REFRESH, refresh);
    Ok(response)
}

/// `POST /account/identities/{id}/unlink`.
pub(crate) async fn unlink(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<IdentityId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    let saved = match unlink_identity(&state.gate, &caller, id).await {
        Ok(()) => "unlinked",
        Err(error) if error.kind() == Kind::Conflict => "last",
        Err(error) => return Err(error.into()),
    };
    reply::see_other(&format!("{LINKED_AT}?saved={saved}"))
}
