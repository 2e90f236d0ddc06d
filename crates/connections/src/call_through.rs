//! One call of somebody else's tool, with the credential of the person whose connection it is:
//! decide, reserve, forward; once more with new tokens where the tool does not take the old ones.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};
use tollgate_edge::{Caller, Exchange, Path, RawBody, Reply, relay};
use tollgate_gate::{Call, ConnectionCall, PlainRequest, Principal, plain_headers};
use tollgate_kernel::{ConnectionId, Error, Kind};

use crate::state::ConnectionsState;

/// What of a request goes on, beside its body.
pub(crate) struct Passed {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl<S: Sync> FromRequestParts<S> for Passed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        Ok(Self { method, uri, headers: parts.headers.clone() })
    }
}

/// `ANY /connections/{id}/…`.
pub(crate) async fn call(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path((id, _)): Path<(ConnectionId, String)>,
    exchange: Exchange,
    passed: Passed,
    RawBody(body): RawBody,
) -> Reply {
    through((&state, &caller), id, &exchange, passed, body).await
}

/// `ANY /connections/{id}/`.
pub(crate) async fn call_root(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<ConnectionId>,
    exchange: Exchange,
    passed: Passed,
    RawBody(body): RawBody,
) -> Reply {
    through((&state, &caller), id, &exchange, passed, body).await
}

async fn through(
    (state, caller): (&ConnectionsState, &Arc<Principal>),
    id: ConnectionId,
    exchange: &Exchange,
    passed: Passed,
    body: Bytes,
) -> Reply {
    let gate = &state.gate;
    let Passed { method, uri, headers } = passed;
    let request = PlainRequest {
        id: exchange.id(),
        method,
        path_and_query: rest(&uri)?,
        headers: plain_headers(&headers)?,
        body,
    };
    let mut refused = None;
    loop {
        let connection = gate.connection(caller, id).await?;
        let call = ConnectionCall {
            connection: connection.clone(),
            refused: refused.clone(),
            request: request.clone(),
        };
        let permit = gate.decide(caller, Call::Connection(call))?;
        let hold = gate.reserve(&permit).await.map_err(|refusal| refusal.error)?;
        match gate.forward(hold).await {
            Ok(answer) => return Ok(relay(answer, exchange)),
            // Once more, as a call of its own: new tokens are had for who may call alone.
            Err(error)
                if error.kind() == Kind::NeedsReauth
                    && refused.is_none()
                    && connection.can_refresh() =>
            {
                refused = Some(connection);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Path and query behind the connection's own address, as they came.
fn rest(uri: &Uri) -> Result<PathAndQuery, Error> {
    let own = uri.path().strip_prefix("/connections/").unwrap_or_default();
    let at = own.find('/').ok_or_else(Error::not_found)?;
    let path = own.get(at..).unwrap_or_default();
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let odd = |_| Error::invalid("That is no path.").with_param("path");
    PathAndQuery::try_from(whole).map_err(odd)
}
