//! What handlers take: who asks, and what they send. What does not fit is refused with the name
//! of the member at fault.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use serde::de::value::{Error as ValueError, SeqDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use tollgate_gate::Principal;
use tollgate_kernel::Error;

use crate::body;
use crate::context::Exchange;
use crate::cookies::Cookies;
use crate::csrf;
use crate::error::Fault;
use crate::router::PathParts;

/// Who asks. The route's access was granted before the handler runs.
pub struct Caller(pub Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let found = Exchange::of(&parts.extensions)?.caller().cloned();
        let missing = || Error::internal("a handler asks for its caller on a row that ignores it");
        Ok(Self(found.ok_or_else(missing)?))
    }
}

/// The whole body as it came, within the route's limit.
pub struct RawBody(pub Bytes);

impl<S: Sync> FromRequest<S> for RawBody {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        Ok(Self(LateBody::from_request(request, state).await?.read().await?))
    }
}

/// The body, not read yet: for rows that ask for themselves who calls, before they take it in.
pub struct LateBody {
    body: axum::body::Body,
    exchange: Exchange,
}

impl LateBody {
    /// All of it. Errors: larger than the row's limit, slower than 1 KiB/s, cut off.
    pub async fn read(self) -> Result<Bytes, Error> {
        let Self { body, exchange } = self;
        let limit = exchange.0.post.get().map_or(0, |post| post.route.body_limit);
        let bytes = body::read(body, limit, exchange.edge().clock()).await?;
        exchange.note().bytes_in(bytes.len());
        Ok(bytes)
    }
}

impl<S: Sync> FromRequest<S> for LateBody {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let exchange = Exchange::of(request.extensions())?;
        Ok(Self { body: request.into_body(), exchange })
    }
}

/// The body as JSON, whatever its content type says. `T` denies unknown fields.
pub struct Body<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        Ok(Self(from_json(&bytes)?))
    }
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| at_fault(&error))?;
    let rest = reader.end();
    rest.map_err(|_| Error::invalid("The body goes on after the JSON value. Send one value."))?;
    Ok(value)
}

/// A form of one of our pages. Its field `csrf` holds the page's token; a wrong one is refused.
/// `T` denies unknown fields.
pub struct Form<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let exchange = Exchange::of(request.extensions())?;
        let binding = binding(&exchange, request.headers());
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        let (token, fields) = split(&bytes);
        let keys = &exchange.edge().csrf;
        let meant = binding.zip(token).is_some_and(|(bound, token)| keys.matches(&bound, &token));
        if !meant {
            return Err(csrf::wrong_token().into());
        }
        Ok(Self(from_pairs(&fields)?))
    }
}

/// What the forms of this browser are bound to: its session or, before sign-in, its pre-session.
pub(crate) fn binding(exchange: &Exchange, headers: &http::HeaderMap) -> Option<String> {
    if let Some(session) = exchange.caller().and_then(|caller| caller.credential().session()) {
        return Some(csrf::of_session(session));
    }
    let cookies = Cookies::of(headers);
    let name = exchange.edge().cookies().presession();
    cookies.one(name).filter(|value| !value.is_empty()).map(csrf::of_presession)
}

/// Takes the token out of a form. Two tokens are none.
fn split(bytes: &[u8]) -> (Option<String>, String) {
    let mut tokens = Vec::new();
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(bytes) {
        if name == "csrf" {
            tokens.push(value.into_owned());
        } else {
            fields.append_pair(&name, &value);
        }
    }
    let token = if tokens.len() == 1 { tokens.pop() } else { None };
    (token, fields.finish())
}

/// The query. `T` denies unknown fields; a name that comes twice is refused.
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Ok(Self(from_pairs(parts.uri.query().unwrap_or_default())?))
    }
}

fn from_pairs<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| at_fault(&error))
}

/// The parts of the path in braces. What cannot be read names nothing: 404.
pub struct Path<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Path<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let found = parts.extensions.get::<PathParts>().map_or(&[][..], |PathParts(found)| found);
        let value = match found {
            [part] => T::deserialize(part.as_str().into_deserializer()),
            parts => T::deserialize(SeqDeserializer::new(parts.iter().map(String::as_str))),
        };
        value.map(Self).map_err(|_: ValueError| Error::not_found().into())
    }
}

/// The path of the member at fault and what is wrong with it.
fn at_fault<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> Error {
    let what = error.inner().to_string();
    let parent = match error.path().to_string() {
        path if path == "." || path == "?" => String::new(),
        path => path,
    };
    let param = match named(&what) {
        // Serde names these in its words alone; the path leads to what they stand in.
        Some(name) if parent.is_empty() || parent == name => name.to_owned(),
        Some(name) if parent.ends_with(&format!(".{name}")) => parent,
        Some(name) => format!("{parent}.{name}"),
        None => parent,
    };
    let error = Error::invalid(format!("The request does not fit this route: {what}."));
    if param.is_empty() { error } else { error.with_param(param) }
}

/// The member that serde speaks of.
fn named(what: &str) -> Option<&str> {
    let starts = ["unknown field `", "missing field `", "duplicate field `"];
    let rest = starts.iter().find_map(|start| what.strip_prefix(start))?;
    rest.split_once('`').map(|(name, _)| name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Outer {
        name: String,
        #[serde(default)]
        rates: Option<Inner>,
        #[serde(default)]
        budgets: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Inner {
        limit: u32,
    }

    fn param(text: &str) -> Option<String> {
        let error = from_json::<Outer>(text.as_bytes()).unwrap_err();
        error.param().map(str::to_owned)
    }

    #[test]
    fn the_member_at_fault_is_named() {
        assert_eq!(param(r#"{"name":1}"#).as_deref(), Some("name"));
        assert_eq!(param(r#"{"name":"a","plan":1}"#).as_deref(), Some("plan"));
        assert_eq!(param(r#"{}"#).as_deref(), Some("name"));
        assert_eq!(param(r#"{"name":"a","name":"b"}"#).as_deref(), Some("name"));
        assert_eq!(param(r#"{"name":"a","rates":{"limit":-1}}"#).as_deref(), Some("rates.limit"));
        assert_eq!(
            param(r#"{"name":"a","budgets":[{"limit":1},{"x":1}]}"#).as_deref(),
            Some("budgets[1].x")
        );
        assert_eq!(param(r#"{"name":"a"} {}"#), None);
        assert_eq!(param("nonsense"), None);
    }

    #[test]
    fn queries_are_strict() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            limit: Option<u32>,
        }
        assert_eq!(from_pairs::<Page>("limit=5").unwrap().limit, Some(5));
        assert_eq!(from_pairs::<Page>("").unwrap().limit, None);
        for (query, param) in
            [("limt=5", "limt"), ("limit=x", "limit"), ("limit=1&limit=2", "limit")]
        {
            let error = from_pairs::<Page>(query).unwrap_err();
            assert_eq!(error.param(), Some(param), "{query}");
        }
    }

    #[test]
    fn a_form_has_exactly_one_token() {
        assert_eq!(split(b"a=1&csrf=t&b=%26"), (Some("t".to_owned()), "a=1&b=%26".to_owned()));
        assert_eq!(split(b"a=1").0, None);
        assert_eq!(split(b"csrf=a&csrf=b").0, None);
    }
}
