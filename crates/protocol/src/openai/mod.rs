//! The OpenAI wire: what the models door takes, watches and says.
//!
//! | type | what |
//! |---|---|
//! | [`ModelRequest`] | a request body, checked, that keeps its bytes |
//! | [`Shape`] | what a profile puts into a request before it is looked at further |
//! | [`Splice`] | the members that we set, put into those bytes |
//! | [`StreamMeter`], [`usage_of_json`] | what a call used, read from its answer as it passes |
//! | [`classify`], [`error_body`], [`stream_error_event`] | errors: the upstream's, and ours |
//! | [`ModelCard`] | an entry of `/models` |

mod closed;
mod error;
mod members;
mod meter;
mod models;
mod request;
mod shape;
mod splice;
mod usage;

pub use error::{UpstreamFault, classify, error_body, retry_after, stream_error_event};
pub use meter::{Pass, StreamMeter};
pub use models::{MAX_MODELS, ModelCard, parse_models, render_model, render_models};
pub use request::{Extras, ModelRequest};
pub use shape::{Bound, Put, Shape, Shaped};
pub use splice::{Ceiling, Splice};
pub use usage::usage_of_json;

/// A route that calls a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/chat/completions`.
    ChatCompletions,
    /// `/responses`.
    Responses,
    /// `/embeddings`.
    Embeddings,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; 3] = [Self::ChatCompletions, Self::Responses, Self::Embeddings];

    /// The path below `/v1` and below an upstream's base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
        }
    }

    /// Whether `stream: true` may be asked for.
    pub const fn streams(self) -> bool {
        !matches!(self, Self::Embeddings)
    }
}
