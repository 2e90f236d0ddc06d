//! One call of a tool: authenticate at it, decide, reserve, forward; the answer settles itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Exchange, LateBody, relay};
use tollgate_gate::{Call, PlainRequest, Presented, Principal, Tool, ToolCall, plain_headers};
use tollgate_kernel::{Error, Kind, Slug};
use tollgate_store::ToolAuth;

use crate::origin::check_origin;
use crate::place::{Came, ROOT};
use crate::publish;
use crate::state::ToolsState;

/// What an answer may do in a browser that opens it: nothing. It comes from another program, and
/// under a path of ours it would else have the rights of our own pages.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
);

/// A request to a tool, as far as it is not its body.
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    came: Came,
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            came: Came::from_request_parts(parts, state).await?,
        })
    }
}

/// Any method at `{root}` and below.
pub(crate) async fn operation(
    State(state): State<ToolsState>,
    exchange: Exchange,
    asked: Asked,
    body: LateBody,
) -> Reply {
    let (id, path_and_query) = below(&asked.uri)?;
    exchange.note().set("tool", id.as_str());
    let tool = state.tool(&id)?;
    check_origin(&state.places, tool.record(), &asked.headers)?;
    if asked.method == Method::OPTIONS && state.places.publishes_all() {
        return Ok(publish::open_to_hosts(&state, reply::no_content()?));
    }
    let is_oauth = matches!(tool.auth(), ToolAuth::OAuth { .. });
    if is_oauth && asked.came.to_own_host() && path_and_query.path() == "/authorize" {
        return sign_in(&state, &asked);
    }
    let is_open = !asked.headers.contains_key(AUTHORIZATION)
        && tool.is_open(&asked.method, path_and_query.as_str());
    let principal = if is_open {
        state.gate.anonymous(exchange.network())
    } else {
        caller(&state, &exchange, &asked.headers, tool).await?
    };
    exchange.note().principal(&principal);
    // Only now, and never where all may ask: strangers would have one of any size kept for nothing.
    let body = if is_open { Bytes::new() } else { body.read().await? };
    let request = PlainRequest {
        id: exchange.id(),
        method: asked.method,
        path_and_query,
        headers: plain_headers(&asked.headers)?,
        body,
    };
    let permit = state.gate.decide(&principal, Call::Tool(ToolCall { tool: id, request }))?;
    let hold = state.gate.reserve(&permit).await.map_err(|refusal| refusal.error)?;
    let answer = state.gate.forward(hold).await?;
    let answer = dressed(relay(answer, &exchange));
    Ok(publish::open_to_hosts(&state, answer))
}

/// Who calls `tool`, by its own way in. Those who come with nothing that is good are counted; a
/// guess is counted before it is judged, or the right one would be told however often was guessed.
async fn caller(
    state: &ToolsState,
    exchange: &Exchange,
    headers: &HeaderMap,
    tool: Arc<Tool>,
) -> Result<Arc<Principal>, Error> {
    let id = tool.id().clone();
    let mut presented = Presented::at_tool(tool, headers);
    presented.of_request(exchange.id());
    let is_guess = presented.is_guessable();
    let guess = if is_guess { Some(exchange.count_guess(&id)?) } else { None };
    let found = state.gate.authenticate(presented, exchange.network()).await;
    match (&found, guess) {
        (Err(error), Some(guess)) if error.kind() == Kind::Unauthenticated => guess.was_wrong(),
        (Err(error), None) if error.kind() == Kind::Unauthenticated => exchange.count_stranger()?,
        // What was no wrong guess is taken back.
        _ => {}
    }
    found
}

/// Leads a browser from a tool's own name to our sign-in, whose cookies belong to our origin.
fn sign_in(state: &ToolsState, asked: &Asked) -> Reply {
    if asked.method != Method::GET && asked.method != Method::HEAD {
        let what = "People sign in by GET here.";
        return Err(Error::new(Kind::MethodNotAllowed, what).into());
    }
    let query = asked.uri.query().unwrap_or_default();
    let place = format!("{}/authorize?{query}", state.places.origin());
    let mut response = reply::see_other(&place)?;
    *response.status_mut() = StatusCode::FOUND;
    Ok(response)
}

fn dressed(mut answer: Response) -> Response {
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, SANDBOX);
    answer
}

/// The tool of a request, and its path from there as it was written, with its query. The gate
/// refuses paths that lead out.
fn below(uri: &Uri) -> Result<(Slug, PathAndQuery), Error> {
    let rest = uri.path().strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/'));
    let rest = rest.ok_or_else(Error::not_found)?;
    let (id, path) =
        rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let id = Slug::parse(id).map_err(|_| Error::not_found())?;
    let path = if path.is_empty() { "/" } else { path };
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let whole = whole.parse();
    Ok((id, whole.map_err(|_| Error::invalid("The path of the request cannot be read."))?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn path(uri: &str) -> Option<String> {
        below(&uri.parse().unwrap()).ok().map(|(_, path)| path.to_string())
    }

    #[test]
    fn a_path_is_passed_on_as_it_was_written() {
        for (asked, expected) in [
            ("/tools/todo", "/"),
            ("/tools/todo/", "/"),
            ("/tools/todo?x=1", "/?x=1"),
            ("/tools/todo/a%2Fb/%E3%81%82?q=%20+", "/a%2Fb/%E3%81%82?q=%20+"),
            ("/tools/todo//a", "//a"),
            ("/tools/todo/a..b/.c/...", "/a..b/.c/..."),
        ] {
            assert_eq!(path(asked).as_deref(), Some(expected), "{asked}");
        }
    }
}
