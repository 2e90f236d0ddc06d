//! The routes of the demo model.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::control::{Control, Echo, Fault};
use super::meter::Call;
use super::script::{Chunk, Script};
use super::wire::Wire;
use super::{Inner, Seen, chat, embeddings, responses};

/// The body of an answer.
pub(super) type Body = Either<Full<Bytes>, Script>;

/// A model request, as its route sees it.
pub(super) struct Request {
    /// The id of the answer.
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) body: Bytes,
    /// The key that was presented, for those tests that want it back.
    pub(super) key: String,
}

impl Request {
    /// The body as `T`, or OpenAI's words for what is wrong with it.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::invalid(
                format!("We could not parse the JSON body of your request: {error}"),
                None,
            )
        })
    }
}

/// What a route answers.
pub(super) enum Reply {
    Json { chunk: Chunk, input: u64 },
    Stream { chunks: Box<dyn Iterator<Item = Chunk> + Send>, content: u64, input: u64 },
}

impl Reply {
    /// One JSON text, after taking in `input` tokens.
    pub(super) fn json(chunk: Chunk, input: u64) -> Self {
        Self::Json { chunk, input }
    }

    /// Events of which `content` have content.
    pub(super) fn stream(
        chunks: impl Iterator<Item = Chunk> + Send + 'static,
        content: u64,
        input: u64,
    ) -> Self {
        Self::Stream { chunks: Box::new(chunks), content, input }
    }
}

/// An error in OpenAI's form.
pub(super) struct Failure {
    status: StatusCode,
    body: Value,
}

impl Failure {
    fn new(status: StatusCode, (kind, code): (&str, &str), message: &str) -> Self {
        let code = if code.is_empty() { Value::Null } else { code.into() };
        let error = json!({"message": message, "type": kind, "code": code, "param": null});
        Self { status, body: json!({"error": error}) }
    }

    /// The request is at fault.
    pub(super) fn invalid(message: impl Into<String>, param: Option<&str>) -> Self {
        let kind = ("invalid_request_error", "");
        let mut failure = Self::new(StatusCode::BAD_REQUEST, kind, &message.into());
        if let Some(slot) = failure.body.pointer_mut("/error/param") {
            *slot = param.into();
        }
        failure
    }

    /// The provider is at fault.
    pub(super) fn server(message: &str) -> Self {
        let kind = ("server_error", "server_error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, kind, message)
    }

    /// What a test asked for by name.
    fn asked_for(control: &Control, key: &str) -> Option<Self> {
        if control.quota {
            let kind = ("insufficient_quota", "insufficient_quota");
            let message = "You exceeded your current quota, please check your plan.";
            return Some(Self::new(StatusCode::TOO_MANY_REQUESTS, kind, message));
        }
        let status = StatusCode::from_u16(control.status?).ok()?;
        let (kind, mut message) = match status.as_u16() {
            401 => (("invalid_request_error", "invalid_api_key"), "Incorrect API key.".to_owned()),
            404 => (("invalid_request_error", "model_not_found"), "No such model.".to_owned()),
            429 => (("rate_limit_exceeded", "rate_limit_exceeded"), "Too fast.".to_owned()),
            500.. => (("server_error", "server_error"), "The server had an error.".to_owned()),
            _ => (("invalid_request_error", ""), "This request is refused.".to_owned()),
        };
        if control.echo.is_some_and(|echo| echo != Echo::Header) {
            message = format!("{message} You sent {key}");
        }
        Some(Self::new(status, kind, &message))
    }
}

/// Answers one HTTP request; an error closes the connection without an answer.
pub(super) async fn answer(
    inner: Arc<Inner>,
    wire: Wire,
    request: http::Request<Incoming>,
) -> io::Result<Response<Body>> {
    const LARGEST_BODY: usize = 256 * 1024 * 1024;
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(io::Error::other)?;
    let body = body.to_bytes();
    let path = head.uri.path();
    inner.remember(|| Seen {
        method: head.method.to_string(),
        path: path.to_owned(),
        headers: head.headers.clone(),
        body: body.clone(),
    });
    if path == "/v1/redirected" {
        inner.meter.redirect_followed();
        return Ok(plain(StatusCode::OK, &json!({"redirected": true})));
    }
    if path == "/meter" {
        return Ok(plain(StatusCode::OK, &json!(inner.meter.totals())));
    }
    let key = bearer(&head.headers);
    if inner.options.api_key.as_deref().is_some_and(|expected| expected != key) {
        let kind = ("invalid_request_error", "invalid_api_key");
        let failure = Failure::new(StatusCode::UNAUTHORIZED, kind, "Incorrect API key provided.");
        return Ok(plain(failure.status, &failure.body));
    }
    let route: Route = match (&head.method, path) {
        (&Method::GET, "/v1/models") => return Ok(plain(StatusCode::OK, &models(&inner))),
        (&Method::POST, "/v1/chat/completions") => ("chatcmpl", chat::answer),
        (&Method::POST, "/v1/responses") => ("resp", responses::answer),
        (&Method::POST, "/v1/embeddings") => ("emb", embeddings::answer),
        _ => {
            let message = format!("Invalid URL ({} {path})", head.method);
            let mut failure = Failure::invalid(message, None);
            failure.status = StatusCode::NOT_FOUND;
            return Ok(plain(failure.status, &failure.body));
        }
    };
    if let Some(fixed) = inner.fixed(&wire, &body) {
        return Ok(fixed);
    }
    call(&inner, wire, route, body, key.to_owned()).await
}

type Route = (&'static str, fn(&Request, &Control) -> Result<Reply, Failure>);

/// Answers a call of a model, metered.
async fn call(
    inner: &Inner,
    wire: Wire,
    (kind, answer): Route,
    body: Bytes,
    key: String,
) -> io::Result<Response<Body>> {
    #[derive(Deserialize, Default)]
    struct Common {
        model: Option<String>,
        safety_identifier: Option<String>,
        user: Option<String>,
    }
    let common: Common = serde_json::from_slice(&body).unwrap_or_default();
    let model = common.model.unwrap_or_default();
    let mut call = inner.meter.open(kind, &model);
    call.line.subject = common.safety_identifier.or(common.user);
    let control = Control::parse(&model);
    let request =
        Request { id: call.line.id.clone(), created: inner.options.clock.now().secs(), body, key };
    let (control, reply) = match control {
        Err(message) => (Control::default(), Err(Failure::invalid(message, Some("model")))),
        Ok(control) => {
            let refusal = Failure::asked_for(&control, &request.key);
            let reply = refusal.map_or_else(|| answer(&request, &control), Err);
            (control, reply)
        }
    };
    // What the model has taken in is used, whatever becomes of the answer.
    call.line.input_tokens = match &reply {
        Ok(Reply::Json { input, .. } | Reply::Stream { input, .. }) => *input,
        Err(_) => 0,
    };
    tokio::time::sleep(control.delay).await;
    match control.fault {
        Some(Fault::StallHead) => std::future::pending().await,
        Some(Fault::ResetHead) => {
            wire.reset();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::GarbageHead) => wire.garbage(),
        Some(Fault::Redirect) => return Ok(redirect(call)),
        _ => {}
    }
    Ok(respond((wire, request.key), &control, call, reply))
}

fn respond(
    (wire, key): (Wire, String),
    control: &Control,
    mut call: Call,
    reply: Result<Reply, Failure>,
) -> Response<Body> {
    let status = reply.as_ref().map_or_else(|failure| failure.status, |_| StatusCode::OK);
    call.line.status = status.as_u16();
    let id = HeaderValue::from_str(&format!("req_{}", call.line.id));
    let echo = control.echo.filter(|echo| matches!(echo, Echo::All | Echo::Header));
    let echoed = echo.and_then(|_| HeaderValue::from_str(&format!("Bearer {key}")).ok());
    wire.begin(call);
    let about = (wire, key);
    let (kind, body) = match reply {
        Ok(Reply::Json { chunk, .. }) => ("application/json", Script::json(chunk, control, about)),
        Ok(Reply::Stream { chunks, content, .. }) => {
            ("text/event-stream; charset=utf-8", Script::stream(chunks, content, control, about))
        }
        Err(failure) => {
            let chunk = Chunk::frame(failure.body.to_string());
            ("application/json", Script::json(chunk, control, about))
        }
    };
    let mut response = Response::new(Either::Right(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("openai-organization", HeaderValue::from_static("demo-organization"));
    headers.insert("openai-processing-ms", HeaderValue::from_static("1"));
    headers.insert(header::SET_COOKIE, HeaderValue::from_static("demo=upstream; Path=/"));
    if let Ok(id) = id {
        headers.insert("x-request-id", id);
    }
    if let Some(key) = echoed {
        headers.insert("x-echo-authorization", key);
    }
    if let Some(seconds) = control.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn redirect(mut call: Call) -> Response<Body> {
    call.line.status = StatusCode::TEMPORARY_REDIRECT.as_u16();
    (call.line.cut, call.line.input_tokens) = (false, 0);
    let mut response = plain(StatusCode::TEMPORARY_REDIRECT, &json!({}));
    let location = HeaderValue::from_static("/v1/redirected");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn models(inner: &Inner) -> Value {
    let created = inner.options.clock.now().secs();
    let models: Vec<Value> = inner
        .options
        .models
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": created, "owned_by": "tollgate"}))
        .collect();
    json!({"object": "list", "data": models})
}

fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

fn plain(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(body.to_string())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
