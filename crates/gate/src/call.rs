//! What a caller asks for: a closed list that owns the parsed request.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use tollgate_kernel::{RequestId, Slug};
use tollgate_protocol::openai::ModelRequest;

use crate::Connected;

/// One call of one door.
pub enum Call {
    /// A call of a model.
    Model(ModelCall),
    /// An operation of a tool of ours.
    Tool(ToolCall),
    /// A call of somebody else's tool, with a person's credential there.
    Connection(ConnectionCall),
}

/// A call of a model.
pub struct ModelCall {
    /// The request as it was parsed; the bytes that are authorised are the bytes that are sent.
    pub request: ModelRequest,
    /// The id of the HTTP request.
    pub id: RequestId,
    /// Headers of the request that may go on, by the door's allow-list.
    pub headers: HeaderMap,
}

/// A plain HTTP request, as it is sent to whatever stands behind a door.
#[derive(Clone)]
pub struct PlainRequest {
    /// The id of the HTTP request.
    pub id: RequestId,
    /// The method.
    pub method: Method,
    /// Path and query, from the root of what is called.
    pub path_and_query: PathAndQuery,
    /// Headers of the request that may go on, as [`crate::plain_headers`] lets them.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// An operation of a tool.
pub struct ToolCall {
    /// The tool.
    pub tool: Slug,
    /// What is asked of it.
    pub request: PlainRequest,
}

/// A call through a connection.
pub struct ConnectionCall {
    /// The connection.
    pub connection: Arc<Connected>,
    /// As it was when the tool refused its credential, in a call that is made once more.
    pub refused: Option<Arc<Connected>>,
    /// What is asked of the tool behind it.
    pub request: PlainRequest,
}
