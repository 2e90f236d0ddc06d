//! The list of models, cut to what the caller may use.

use axum::extract::State;
use tollgate_edge::{Caller, Path, Reply, reply};
use tollgate_gate::Listed;
use tollgate_kernel::{Error, Kind};
use tollgate_protocol::openai::{ModelCard, render_model, render_models};

use crate::routes::ModelsState;

/// `GET /v1/models`.
pub(crate) async fn all(State(state): State<ModelsState>, Caller(principal): Caller) -> Reply {
    let cards: Vec<ModelCard> = state.gate.models(&principal)?.into_iter().map(card).collect();
    Ok(reply::typed("application/json", render_models(&cards)))
}

/// `GET /v1/models/{id}`.
pub(crate) async fn one(
    State(state): State<ModelsState>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Reply {
    let found = state.gate.models(&principal)?.into_iter().find(|model| model.id == id);
    let found = found.ok_or_else(|| {
        let shown: String = id.chars().take(100).collect();
        let words = format!("The model `{shown}` does not exist or you do not have access to it.");
        Error::new(Kind::ModelNotFound, words).with_param("model")
    })?;
    Ok(reply::typed("application/json", render_model(&card(found))))
}

fn card(listed: Listed) -> ModelCard {
    ModelCard { id: listed.id, created_s: listed.created, owned_by: listed.owned_by }
}
