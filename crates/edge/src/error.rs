//! Errors as bytes, in the dialect of each door. Nothing else in Tollgate writes them.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_kernel::{Blame, Error, Kind, OAuthCode, RequestId};
use tollgate_protocol::oauth;
use tollgate_protocol::openai::{self, error_body, stream_error_event};
use tollgate_protocol::problem::{self, Problem};

use crate::page::{Locale, Theme, Words, shell_words};
use crate::reply;

/// In which form a route speaks of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `application/problem+json` (RFC 9457), with the codes of the management API.
    Problem,
    /// OpenAI's error object and the headers that its SDKs obey.
    OpenAi,
    /// The errors of token requests (RFC 6749, 5.2).
    OAuth,
    /// The errors of what an access token opens (RFC 6750, 3).
    Bearer,
    /// A page for people.
    Html,
}

impl Dialect {
    /// The dialect that is spoken at `path`, also where there is no route.
    pub fn of_path(path: &str) -> Self {
        let under = |root: &str| {
            path.strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        };
        let machines = ["/livez", "/readyz", "/healthz", "/metrics", "/openapi.json"];
        let tokens =
            ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/jwks.json", "/token"];
        if under("/v1") {
            Self::OpenAi
        } else if tokens.contains(&path) {
            Self::OAuth
        } else if path == "/oauth/userinfo" {
            Self::Bearer
        } else if under("/api")
            || under("/tools")
            || under("/.well-known")
            || machines.contains(&path)
        {
            Self::Problem
        } else {
            Self::Html
        }
    }
}

/// What a handler fails with. It becomes bytes at the end, by [`render`].
pub struct Fault(Error);

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = spoken(self.0.kind()).status;
        response.extensions_mut().insert(Failure(Arc::new(self.0)));
        response
    }
}

/// An error on its way out, among a response's extensions.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) Arc<Error>);

/// How an error page looks to this person.
#[derive(Clone, Debug)]
pub struct Look {
    /// The language.
    pub locale: Locale,
    /// Light or dark.
    pub theme: Theme,
    /// The stylesheet's address.
    pub stylesheet: String,
    /// The installation's name.
    pub brand: String,
    /// The caller takes JSON and no pages.
    pub json: bool,
}

/// Whether `headers` ask for JSON and not for pages.
pub(crate) fn takes_json_only(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

/// The one function that turns an error into bytes. `look` matters to [`Dialect::Html`] alone.
pub fn render(error: &Error, dialect: Dialect, id: RequestId, look: Option<&Look>) -> Response {
    let said = spoken(error.kind());
    let mut response = match (dialect, look) {
        (Dialect::OpenAi, _) => reply::typed("application/json", openai_body(error, &said)),
        (Dialect::OAuth | Dialect::Bearer, _) => {
            let body = oauth::error_body(oauth_code(error, dialect), error.detail());
            reply::typed("application/json", body)
        }
        (Dialect::Html, Some(look)) if !look.json => page(error, &said, id, look),
        (Dialect::Problem | Dialect::Html, _) => {
            reply::typed(problem::CONTENT_TYPE, problem_body(error, &said, id))
        }
    };
    *response.status_mut() = said.status;
    let headers = response.headers_mut();
    let refused = (dialect == Dialect::Bearer || error.challenge().is_some())
        && said.status == StatusCode::FORBIDDEN;
    if said.status == StatusCode::UNAUTHORIZED || refused {
        let challenge = HeaderValue::from_str(&challenge(error, dialect));
        let plain = HeaderValue::from_static("Bearer realm=\"tollgate\"");
        headers.insert(WWW_AUTHENTICATE, challenge.unwrap_or(plain));
    }
    waiting(headers, error, dialect);
    response
}

/// The code of an error at the token endpoint, or at what a token opens.
fn oauth_code(error: &Error, dialect: Dialect) -> OAuthCode {
    match (error.oauth_code(), dialect) {
        (OAuthCode::InvalidClient, Dialect::Bearer) => OAuthCode::InvalidToken,
        (code, _) => code,
    }
}

/// How to come in. Who came without a credential is not told what is wrong with it (RFC 6750, 3.1).
fn challenge(error: &Error, dialect: Dialect) -> String {
    if let Some(challenge) = error.challenge() {
        return challenge.to_owned();
    }
    let reason = || Some((oauth_code(error, dialect), error.detail()));
    match dialect {
        Dialect::OAuth => oauth::challenge("Basic", reason()),
        Dialect::Bearer if error.oauth_code() != OAuthCode::InvalidClient => {
            oauth::challenge("Bearer", reason())
        }
        _ => oauth::challenge("Bearer", None),
    }
}

/// How long to wait, and whether waiting helps at all.
fn waiting(headers: &mut HeaderMap, error: &Error, dialect: Dialect) {
    let kind = error.kind();
    let wait = error.retry_after().or(match kind {
        Kind::RateLimited | Kind::BudgetInUse | Kind::BudgetUnavailable | Kind::UpstreamBusy => {
            Some(SHORTLY)
        }
        Kind::Unavailable | Kind::ShuttingDown => Some(SHORTLY),
        _ => None,
    });
    if let Some(wait) = wait {
        let ms = wait.as_nanos().div_ceil(1_000_000).max(1);
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(ms)));
        if dialect == Dialect::OpenAi && kind == Kind::RateLimited {
            headers.insert("retry-after-ms", HeaderValue::from(clamp(ms)));
        }
    }
    let too_long = wait.is_some_and(|wait| wait > LONGEST_RETRY);
    if dialect == Dialect::OpenAi && (too_long || !retry_can_help(kind)) {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
}

/// What is said where an error should be tried again and does not know when.
const SHORTLY: Duration = Duration::from_secs(1);

/// The official SDKs differ in what they do with longer waits, so those are not retried.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

fn clamp(ms: u128) -> u64 {
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// Whole seconds, rounded up, so that who waits them has waited long enough.
fn whole_seconds(ms: u128) -> u64 {
    clamp(ms.div_ceil(1_000)).max(1)
}

fn retry_can_help(kind: Kind) -> bool {
    match kind.blame() {
        Blame::Caller => matches!(kind, Kind::RateLimited | Kind::BudgetInUse),
        Blame::Upstream => !matches!(kind, Kind::UpstreamQuota | Kind::UpstreamRefused),
        Blame::Us => true,
    }
}

/// What each kind is called. `code` is the management API's, `openai` that of A.3.
pub(crate) struct Spoken {
    pub(crate) status: StatusCode,
    code: &'static str,
    openai: (&'static str, Option<&'static str>),
}

impl Spoken {
    /// The most exact name that there is, for logs and pages.
    pub(crate) fn name(&self) -> &'static str {
        self.openai.1.unwrap_or(self.code)
    }
}

const CALLER: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const RATE: &str = "rate_limit_exceeded";
const QUOTA: &str = "insufficient_quota";

pub(crate) fn spoken(kind: Kind) -> Spoken {
    let (status, code, of, openai) = match kind {
        Kind::InvalidRequest => (400, "invalid_request", CALLER, None),
        Kind::TooLarge => (413, "invalid_request", CALLER, Some("request_too_large")),
        Kind::AmbiguousCredentials => {
            (400, "invalid_request", CALLER, Some("ambiguous_credentials"))
        }
        Kind::Unauthenticated => (401, "unauthenticated", CALLER, Some("invalid_api_key")),
        Kind::Forbidden => (403, "forbidden", CALLER, Some("route_not_allowed")),
        Kind::CrossSite => (403, "forbidden", CALLER, Some("cross_site_request")),
        Kind::NotFound => (404, "not_found", CALLER, Some("not_found")),
        Kind::MethodNotAllowed => (405, "invalid_request", CALLER, Some("method_not_allowed")),
        Kind::ModelNotFound => (404, "not_found", CALLER, Some("model_not_found")),
        Kind::RouteNotAllowed => (404, "not_found", CALLER, Some("route_not_allowed")),
        Kind::Conflict => (409, "conflict", CALLER, Some("conflict")),
        Kind::Declared => (409, "declared", CALLER, Some("declared")),
        Kind::RateLimited => (429, "rate_limited", RATE, Some(RATE)),
        Kind::BudgetExhausted => (429, "budget_exhausted", QUOTA, Some(QUOTA)),
        Kind::BudgetInUse => (429, "budget_in_use", RATE, Some("budget_in_use")),
        Kind::PriceUnknown => (400, "invalid_request", CALLER, Some("price_unknown")),
        Kind::BudgetUnavailable => (503, "budget_unavailable", SERVER, Some("budget_unavailable")),
        Kind::UpstreamFailed => (502, "upstream_failed", SERVER, Some("upstream_failed")),
        Kind::UpstreamTimeout => (504, "upstream_failed", SERVER, Some("upstream_timeout")),
        Kind::UpstreamBusy => (503, "upstream_failed", SERVER, Some("upstream_busy")),
        Kind::UpstreamRefused => (502, "upstream_failed", SERVER, Some("upstream_failed")),
        Kind::UpstreamQuota => (503, "upstream_failed", SERVER, Some("upstream_quota")),
        Kind::NeedsReauth => (409, "needs_reauth", CALLER, Some("needs_reauth")),
        Kind::Unavailable => (503, "unavailable", SERVER, Some("unavailable")),
        Kind::ShuttingDown => (503, "unavailable", SERVER, Some("server_shutting_down")),
        Kind::Internal => (500, "internal", SERVER, Some("internal")),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Spoken { status, code, openai: (of, openai) }
}

fn openai_body(error: &Error, said: &Spoken) -> Vec<u8> {
    let (kind, code) = said.openai;
    error_body(kind, code, error.detail(), error.param())
}

fn problem_body(error: &Error, said: &Spoken, id: RequestId) -> Vec<u8> {
    let problem = Problem {
        status: said.status.as_u16(),
        code: said.code,
        title: said.status.canonical_reason().unwrap_or("Error"),
        detail: error.detail(),
        param: error.param(),
        request_id: &id.to_string(),
    };
    problem.to_json()
}

/// The event that ends a stream of `route` which cannot go on; `sequence` is the number after the
/// last event's.
pub(crate) fn stream_event(error: &Error, route: openai::Route, sequence: u64) -> Bytes {
    let (kind, code) = spoken(error.kind()).openai;
    stream_error_event(route, kind, code, error.detail(), sequence)
}

/// An error page. Its ids and its phrase are a contract: test suites look for them.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    look: &'a Look,
    w: Words,
    code: &'a str,
    detail: &'a str,
    param: Option<&'a str>,
    blame: &'static str,
    request_id: String,
}

fn page(error: &Error, said: &Spoken, id: RequestId, look: &Look) -> Response {
    let blame = match error.kind().blame() {
        Blame::Caller => "error-blame-caller",
        Blame::Upstream => "error-blame-upstream",
        Blame::Us => "error-blame-us",
    };
    let page = ErrorPage {
        look,
        w: shell_words(look.locale),
        code: said.name(),
        detail: error.detail(),
        param: error.param(),
        blame,
        request_id: id.to_string(),
    };
    // A page that cannot be made must not hide the error that it is about.
    let html = page.render().unwrap_or_else(|_| error.detail().to_owned());
    reply::html(html)
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "error_tests.rs"]
mod tests;
