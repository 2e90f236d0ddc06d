//! `Idempotency-Key`: a POST of the management API that is sent again is done once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderName, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use tollgate_gate::{Came, Claim, Gate, Kept, Once, OnceAsked};
use tollgate_kernel::{Access, Error};
use tracing::warn;

use crate::body;
use crate::context::Exchange;
use crate::error::Fault;
use crate::route::Route;
use crate::router::Post;

/// The header's name, lower-case as maps have it.
const NAME: &str = "idempotency-key";

/// The most characters of a key.
const LONGEST: usize = 255;

/// Says on an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Who knows what was done: the gate.
pub trait Replays: Send + Sync {
    /// See [`Gate::claim`].
    fn claim<'a>(&'a self, asked: OnceAsked<'a>) -> BoxFuture<'a, Result<Claim, Error>>;

    /// See [`Gate::conclude`].
    fn conclude(&self, once: Once, came: Came) -> BoxFuture<'_, Result<(), Error>>;
}

impl Replays for Gate {
    fn claim<'a>(&'a self, asked: OnceAsked<'a>) -> BoxFuture<'a, Result<Claim, Error>> {
        Box::pin(Gate::claim(self, asked))
    }

    fn conclude(&self, once: Once, came: Came) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Gate::conclude(self, once, came))
    }
}

/// Whether `route` honours the header.
pub(crate) fn honoured(route: &Route) -> bool {
    let is_managed = matches!(route.access, Access::Api(_));
    route.method == Method::POST && is_managed && route.done_once
}

/// Whether this request is to be done once.
pub(crate) fn is_wanted(route: &Route, headers: &HeaderMap) -> bool {
    honoured(route) && headers.contains_key(NAME)
}

/// Does what is asked, unless it was done before: then the answer is the one that was given then.
/// The guard has looked at the request, which is that of `exchange`.
pub(crate) async fn run(post: Arc<Post>, exchange: Exchange, request: Request) -> Response {
    match try_run(post, exchange, request).await {
        Ok(response) => response,
        Err(error) => Fault::from(error).into_response(),
    }
}

async fn try_run(post: Arc<Post>, exchange: Exchange, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let bytes = body::read(body, post.route.body_limit, exchange.edge().clock()).await?;
    // A caller who hangs up must not stop it half way: that is when they will ask again.
    let work = tokio::spawn(work(post, exchange, key, parts, bytes));
    work.await.map_err(Error::internal)?
}

/// The key: visible ASCII, with the quotes of a structured field or without them.
fn key(headers: &HeaderMap) -> Result<String, Error> {
    let mut values = headers.get_all(NAME).iter();
    let (first, second) = (values.next(), values.next());
    let text = first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok());
    let bare = text.map(|text| {
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.unwrap_or(text)
    });
    let fits = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| (0x21..=0x7e).contains(&b))
    };
    bare.filter(fits).map(str::to_owned).ok_or_else(|| {
        let what = "An Idempotency-Key has 1 to 255 visible ASCII characters and comes once.";
        Error::invalid(what).with_param("Idempotency-Key")
    })
}

async fn work(
    post: Arc<Post>,
    exchange: Exchange,
    key: String,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Error> {
    let principal = exchange.caller();
    let principal = principal.ok_or_else(|| Error::internal("a row without its caller"))?;
    let replays = &exchange.edge().replays;
    let place = format!("{} {}", parts.method, parts.uri.path());
    let claim = replays.claim(OnceAsked {
        principal,
        key: &key,
        place: &place,
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    });
    let once = match claim.await? {
        Claim::Done(kept) => return again(kept),
        Claim::Do(once) => once,
    };
    let request = Request::from_parts(parts, Body::from(body));
    let done = AssertUnwindSafe(post.run(request)).catch_unwind().await;
    let (response, came) = match done {
        Ok(response) => told(response).await,
        Err(_) => {
            let error = Error::internal("a handler panicked");
            (Fault::from(error).into_response(), Came::Failed)
        }
    };
    if let Err(error) = replays.conclude(once, came).await {
        // It was done all the same: who asks again will hear that its answer was lost.
        let request = exchange.id();
        warn!(%request, cause = error.cause(), "an answer could not be kept: {error}");
    }
    Ok(response)
}

/// What came of a request, to be kept, and the answer, to be sent.
async fn told(response: Response) -> (Response, Came) {
    let status = response.status();
    if status.is_client_error() {
        return (response, Came::Refused);
    }
    if status.is_server_error() {
        return (response, Came::Failed);
    }
    let (parts, body) = response.into_parts();
    let text = |name: HeaderName| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (content_type, location) = (text(CONTENT_TYPE), text(LOCATION));
    let Ok(body) = body.collect().await else {
        let error = Error::internal("an answer broke off");
        return (Fault::from(error).into_response(), Came::Failed);
    };
    let bytes = body.to_bytes();
    let came = match String::from_utf8(bytes.to_vec()) {
        Ok(body) => Came::Answered(Kept { status: status.as_u16(), content_type, location, body }),
        Err(_) => Came::Failed,
    };
    (Response::from_parts(parts, Body::from(bytes)), came)
}

/// An answer that was given before.
fn again(kept: Kept) -> Result<Response, Error> {
    let Kept { status, content_type, location, body } = kept;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).map_err(Error::internal)?;
    let headers = response.headers_mut();
    for (name, value) in [(CONTENT_TYPE, content_type), (LOCATION, location)] {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_str(&value).map_err(Error::internal)?);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_quotes_and_comes_once() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(NAME, HeaderValue::from_str(value).expect("a value"));
            }
            key(&headers).ok()
        };
        assert_eq!(read(&["\"8e03978e\""]).as_deref(), Some("8e03978e"));
        assert_eq!(read(&["8e03978e"]).as_deref(), Some("8e03978e"));
        assert_eq!(read(&[&"a".repeat(255)]).map(|key| key.len()), Some(255));
        let long = "a".repeat(256);
        for bad in [&[][..], &[""], &["\"\""], &["a b"], &[&long], &["a", "a"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
