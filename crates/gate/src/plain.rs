//! Plain HTTP calls: which headers pass, in which direction.

use http::header::{self, CONNECTION, HeaderMap, HeaderName, HeaderValue};
use tollgate_kernel::Error;

use crate::forward::{REQUEST_ID, UPSTREAM_REQUEST_ID};

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

/// Headers of an answer that reach the caller under their own names. Whatever is not named here
/// stays with us: cookies, challenges, what the upstream says of itself and of its accounts.
const ANSWERED: [HeaderName; 17] = [
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::VARY,
    HeaderName::from_static("deprecation"),
    HeaderName::from_static("preference-applied"),
    HeaderName::from_static("sunset"),
    HeaderName::from_static("x-total-count"),
];

/// The headers of an upstream's answer that reach the caller, but those whose value `is_ours` says
/// is a secret. What is `private` to its caller is never for a cache that others share.
pub(crate) fn answer_headers(
    from: &HeaderMap,
    is_ours: impl Fn(&[u8]) -> bool,
    private: bool,
) -> HeaderMap {
    // With room for what the edge adds.
    let mut to = HeaderMap::with_capacity(24);
    for name in &ANSWERED {
        for value in from.get_all(name).iter().filter(|value| !is_ours(value.as_bytes())) {
            to.append(name, value.clone());
        }
    }
    if let Some(id) = from.get(REQUEST_ID).filter(|id| !is_ours(id.as_bytes())) {
        to.insert(UPSTREAM_REQUEST_ID, id.clone());
    }
    to.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let said = to.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = said.flat_map(|line| line.split(',')).map(str::trim);
    let mut kept = directives
        .filter(|it| it.eq_ignore_ascii_case("private") || it.eq_ignore_ascii_case("no-store"));
    if private && kept.next().is_none() {
        to.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    to
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
