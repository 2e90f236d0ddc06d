//! The first call of a model, made from the set-up page: through the gate like every other.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use http::HeaderMap;
use serde_json::{Value, json};
use tollgate_gate::{Call, Gate, ModelCall, Principal};
use tollgate_kernel::{Error, RequestId};
use tollgate_protocol::openai::{ModelRequest, Route};

/// The longest answer that is shown, in bytes.
const ANSWER_MAX: usize = 256 * 1_024;

/// Asks `model` for a greeting and gives its words.
pub(crate) async fn first_call(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: RequestId,
    model: &str,
) -> Result<String, Error> {
    let question = json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Say hello in one short sentence." }],
    });
    let bytes = Bytes::from(serde_json::to_vec(&question).map_err(Error::internal)?);
    let request = ModelRequest::parse(Route::ChatCompletions, bytes)?;
    let call = ModelCall { request, id, headers: HeaderMap::new() };
    let permit = gate.decide(caller, Call::Model(call))?;
    let hold = gate.reserve(&permit).await?;
    let answer = gate.forward(hold).await?;
    let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX).await;
    words(&body.map_err(Error::unavailable)?)
}

fn words(body: &[u8]) -> Result<String, Error> {
    let answer: Value = serde_json::from_slice(body).map_err(Error::unavailable)?;
    let content = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    Ok(content.unwrap_or_default().trim().to_owned())
}
