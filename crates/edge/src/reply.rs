//! Answers: their forms, and the headers that every one of them carries.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION,
    REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use tollgate_kernel::{Error, RequestId};

use crate::error::Fault;

/// What a handler returns.
pub type Reply = Result<Response, Fault>;

/// 200 with `value` as JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Reply {
    let bytes = serde_json::to_vec(value).map_err(Error::internal)?;
    Ok(typed("application/json", bytes))
}

/// 201 with `value` as JSON; `location` is the new object's path.
pub fn created<T: Serialize + ?Sized>(location: &str, value: &T) -> Reply {
    let mut response = json(value)?;
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(LOCATION, header(location)?);
    Ok(response)
}

/// 204.
pub fn no_content() -> Reply {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// 303 to `place`. Never 307: that would send a form's password on (RFC 9700, 4.12).
pub fn see_other(place: &str) -> Reply {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, header(place)?);
    Ok(response)
}

/// 200 with a page.
pub fn html(page: String) -> Response {
    typed("text/html; charset=utf-8", page)
}

/// 200 with `body`, of a type such as `text/csv; charset=utf-8`.
pub fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The same answer with a cookie, made by [`crate::CookieNames`].
pub fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

/// The same page, whose forms may lead to `source` as well: browsers hold a form to its page's
/// policy through every redirect.
pub fn with_forms_to(mut response: Response, source: &str) -> Result<Response, Error> {
    let policy = CSP.replace("form-action 'self'", &format!("form-action 'self' {source}"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, header(&policy)?);
    Ok(response)
}

/// What answers HEAD: the head that GET has, and no body (RFC 9110, 9.3.2).
pub(crate) fn head_only(mut response: Response) -> Response {
    if let Some(length) = http_body::Body::size_hint(response.body()).exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response.map(|_| Body::empty())
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(Error::internal)
}

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The name of the header that carries the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Pages run and load what `/assets` holds, and nothing from anywhere else.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                   connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                   base-uri 'none'; require-trusted-types-for 'script'";

/// Puts on every answer what every answer carries. What a handler has set stays, but for the
/// request id.
pub(crate) fn dress(headers: &mut HeaderMap, id: RequestId, https: bool) {
    let mut text = [0; RequestId::LENGTH];
    if let Ok(id) = HeaderValue::from_str(id.write(&mut text)) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(REFERRER_POLICY, "no-referrer");
    unless_set(COOP, "same-origin");
    // Nothing of ours is kept by anybody unless its handler says so.
    unless_set(CACHE_CONTROL, "no-store");
    if is_page {
        unless_set(CONTENT_SECURITY_POLICY, CSP);
    }
    if https {
        unless_set(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}
