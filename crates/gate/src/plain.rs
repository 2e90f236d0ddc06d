//! Plain HTTP calls: which headers pass, in which direction.

use http::header::{self, CONNECTION, HeaderMap, HeaderName};
use tollgate_kernel::Error;

/// The most bytes of a plain request's body; it is kept whole until it is sent.
pub const PLAIN_BODY_MAX: usize = 10 * 1024 * 1024;

/// Headers of a caller that go on. Whatever is not named here stays with us: credentials, cookies,
/// what proxies say of the caller, copies of our own headers in whatever spelling.
const ASKED: [HeaderName; 18] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("openai-conversation-id"),
    HeaderName::from_static("openai-ephemeral-user-id"),
    HeaderName::from_static("openai-gpt-id"),
    HeaderName::from_static("openai-subdivision-1-iso-code"),
];

/// What says who somebody is, or frames the message: nobody may have a hop remove it.
const GUARDED: [&str; 11] = [
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "content-length",
    "content-type",
    "origin",
    "remote-user",
    "x-api-key",
    "x-real-ip",
    "x-request-id",
];

/// The beginnings of such names.
const GUARDED_FAMILIES: [&str; 4] = ["tollgate-", "x-tollgate-", "x-forwarded-", "x-auth-request-"];

/// The headers of a caller's plain request that go on, by an allow-list. A `Connection` header that
/// names who somebody is, for a hop to remove it, is an invalid request.
pub fn plain_headers(from: &HeaderMap) -> Result<HeaderMap, Error> {
    for listed in from.get_all(CONNECTION) {
        let names = listed.to_str().map_err(|_| wrong_connection())?.split(',');
        if names.into_iter().any(|name| is_guarded(name.trim())) {
            return Err(wrong_connection());
        }
    }
    let mut to = HeaderMap::with_capacity(8);
    for name in &ASKED {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
    Ok(to)
}

fn is_guarded(name: &str) -> bool {
    let name: String =
        name.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    GUARDED.contains(&name.as_str())
        || name.starts_with("x-user")
        || GUARDED_FAMILIES.iter().any(|family| name.starts_with(family))
}

fn wrong_connection() -> Error {
    Error::invalid("The header Connection names a header that is not for the next hop to remove.")
        .with_param("connection")
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
