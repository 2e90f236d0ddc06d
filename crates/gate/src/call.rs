//! What a caller asks for: a closed list that owns the parsed request.

use tollgate_kernel::RequestId;
use tollgate_protocol::openai::ModelRequest;

/// One call of one door.
pub enum Call {
    /// A call of a model.
    Model(ModelCall),
}

/// A call of a model.
pub struct ModelCall {
    /// The request as it was parsed; the bytes that are authorised are the bytes that are sent.
    pub request: ModelRequest,
    /// The id of the HTTP request.
    pub id: RequestId,
    /// Headers of the request that may go on, by the door's allow-list.
    pub headers: http::HeaderMap,
}
