//! What came to a plugin of tests.

use std::collections::HashMap;

use bytes::Bytes;

/// A request that came to the API.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A request that came to the token endpoint.
#[derive(Clone, Debug)]
pub struct SeenExchange {
    /// Its content type.
    pub content_type: String,
    /// Its members.
    pub members: HashMap<String, String>,
}
