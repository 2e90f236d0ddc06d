//! Answers of a plugin of tests.

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::sync::watch;

/// An answer that begins, and goes on when it is told to.
pub(crate) fn drip(mut go: watch::Receiver<bool>) -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>("first ")]);
    let rest = stream::once(async move {
        let _ = go.wait_for(|go| *go).await;
        Ok("rest")
    });
    Response::new(Body::from_stream(first.chain(rest)))
}

/// A refusal of a token endpoint (RFC 6749, 5.2).
pub(crate) fn refusal(code: &str) -> Response {
    typed(StatusCode::BAD_REQUEST, "application/json", json!({ "error": code }).to_string())
}

/// An answer that leads elsewhere.
pub(crate) fn found(status: StatusCode, place: &str) -> Response {
    let mut response = typed(status, "text/plain", String::new());
    if let Ok(value) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// An answer of this type.
pub(crate) fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
