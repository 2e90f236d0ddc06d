//! One call of a model: decide, reserve, forward; the answer settles itself.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::IntoResponse;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tollgate_edge::{Caller, Exchange, Fault, RawBody, Reply, speak};
use tollgate_gate::{Call, Gate, ModelCall, RateStanding, Refusal};
use tollgate_kernel::Error;
use tollgate_protocol::openai::{ModelRequest, Route};

use crate::rate_headers;
use crate::routes::ModelsState;

/// Headers of a request that go on to the provider: betas are asked for by header.
const PASSED: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];

/// The headers of a request that go on.
pub(crate) struct Passed(HeaderMap);

impl<S: Sync> FromRequestParts<S> for Passed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut passed = HeaderMap::new();
        for name in PASSED {
            if let Some(value) = parts.headers.get(&name) {
                passed.insert(name, value.clone());
            }
        }
        Ok(Self(passed))
    }
}

/// The ceiling that we set because the caller named none, or a higher one.
const CEILING: HeaderName = HeaderName::from_static("x-tollgate-max-output-tokens");

/// What profiles put into the call: a list of `plan` and `user` (RFC 9651, 3.1), each with the
/// names of what comes from it in `applied`.
const PROFILE: HeaderName = HeaderName::from_static("tollgate-profile");

/// `POST /v1/chat/completions`.
pub(crate) async fn chat(
    State(state): State<ModelsState>,
    caller: Caller,
    exchange: Exchange,
    passed: Passed,
    body: RawBody,
) -> Reply {
    call(&state.gate, Route::ChatCompletions, caller, exchange, passed, body).await
}

/// `POST /v1/responses`.
pub(crate) async fn responses(
    State(state): State<ModelsState>,
    caller: Caller,
    exchange: Exchange,
    passed: Passed,
    body: RawBody,
) -> Reply {
    call(&state.gate, Route::Responses, caller, exchange, passed, body).await
}

/// `POST /v1/embeddings`.
pub(crate) async fn embeddings(
    State(state): State<ModelsState>,
    caller: Caller,
    exchange: Exchange,
    passed: Passed,
    body: RawBody,
) -> Reply {
    call(&state.gate, Route::Embeddings, caller, exchange, passed, body).await
}

async fn call(
    gate: &Gate,
    route: Route,
    Caller(principal): Caller,
    exchange: Exchange,
    Passed(headers): Passed,
    RawBody(body): RawBody,
) -> Reply {
    let request = ModelRequest::parse(route, body)?;
    exchange.note().set("model", request.shared_model());
    let call = ModelCall { request, id: exchange.id(), headers };
    let permit = gate.decide(&principal, Call::Model(call))?;
    let profile = permit.profile().and_then(|told| HeaderValue::try_from(told).ok());
    let hold = match gate.reserve(&permit).await {
        Ok(hold) => hold,
        Err(refusal) => return Ok(refused(refusal, profile)),
    };
    let told = Told { rates: hold.rates(), ceiling: hold.ceiling_set(), profile };
    match gate.forward(hold).await {
        Ok(mut answer) => {
            told.write(answer.headers_mut());
            Ok(speak(answer, route, &exchange))
        }
        // A provider may have refused what a profile put in: then the caller sees whose it was.
        Err(error) => Ok(failed(error, told.profile)),
    }
}

/// The refusal, with what the caller's own rates have left.
fn refused(refusal: Refusal, profile: Option<HeaderValue>) -> Response<Body> {
    let mut answer = failed(refusal.error, profile);
    rate_headers::write(&refusal.rates, answer.headers_mut());
    answer
}

/// The error of a call that `profile` was put into.
fn failed(error: Error, profile: Option<HeaderValue>) -> Response<Body> {
    let mut answer = Fault::from(error).into_response();
    if let Some(profile) = profile {
        answer.headers_mut().insert(PROFILE, profile);
    }
    answer
}

/// What the caller is told about limits.
struct Told {
    rates: RateStanding,
    ceiling: Option<u64>,
    profile: Option<HeaderValue>,
}

impl Told {
    fn write(self, headers: &mut HeaderMap) {
        rate_headers::write(&self.rates, headers);
        if let Some(ceiling) = self.ceiling {
            headers.insert(CEILING, HeaderValue::from(ceiling));
        }
        if let Some(profile) = self.profile {
            headers.insert(PROFILE, profile);
        }
    }
}
