//! The rows of this door.

use std::sync::Arc;

use tollgate_edge::{Row, bind};
use tollgate_gate::Gate;
use tollgate_kernel::Access;

use crate::{call_model, list_models};

/// What the handlers of this door share.
#[derive(Clone)]
pub struct ModelsState {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The largest request, in bytes.
    pub request_bytes: usize,
}

impl ModelsState {
    /// What `request_bytes` is unless the owner says.
    pub const REQUEST_BYTES: usize = 32 * 1024 * 1024;
}

/// The rows of this door, with their state.
pub fn rows(state: &ModelsState) -> Vec<Row> {
    let limit = state.request_bytes;
    let rows = vec![
        Row::get("/v1/models", Access::Models, "List the models you may call", list_models::all),
        Row::get(
            "/v1/models/{*id}",
            Access::Models,
            "Describe a model you may call",
            list_models::one,
        ),
        Row::post(
            "/v1/chat/completions",
            Access::Models,
            "Call a model with a conversation",
            call_model::chat,
        )
        .body_limit(limit),
        Row::post(
            "/v1/responses",
            Access::Models,
            "Call a model with the Responses API",
            call_model::responses,
        )
        .body_limit(limit),
        Row::post(
            "/v1/embeddings",
            Access::Models,
            "Turn text into vectors",
            call_model::embeddings,
        )
        .body_limit(limit),
    ];
    bind(rows, state)
}
