//! Apps that run in browsers: which pages may read an answer (CORS; Fetch Standard, 3.3).
//!
//! A page may send what it likes to these endpoints: they look at no cookie. What it must not do is
//! read the answers of apps that are not its own, so an answer names the page's origin where the
//! app that it is for has registered it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_edge::Reply;
use tollgate_store::ClientRecord;

/// What pages may send.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// For how long a browser keeps that, in seconds.
const KEPT_S: HeaderValue = HeaderValue::from_static("7200");

/// `OPTIONS`: the question of a browser whether a page may send what it has. It says of no app
/// whether it is known, so every page may.
pub(crate) async fn preflight(headers: HeaderMap) -> Reply {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    answer.insert(VARY, HeaderValue::from_name(ORIGIN));
    if let Some(origin) = headers.get(ORIGIN) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_MAX_AGE, KEPT_S);
    }
    Ok(response)
}

/// The same answer, to be read by the page that asked if its origin is one of `client`; errors too.
pub(crate) fn readable(reply: Reply, headers: &HeaderMap, client: &ClientRecord) -> Reply {
    let Some(origin) = headers.get(ORIGIN) else { return reply };
    let known = client.oauth.origins.iter().any(|own| own.as_bytes() == origin.as_bytes());
    let mut response = match reply {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    };
    response.headers_mut().append(VARY, HeaderValue::from_name(ORIGIN));
    if known {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    Ok(response)
}
