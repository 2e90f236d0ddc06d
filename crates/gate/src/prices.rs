//! Where prices come from: a table that the server reads at start.

use std::sync::Arc;

use tollgate_kernel::{Price, Timestamp};

/// What is known of a model.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// What it costs.
    pub price: Arc<Price>,
    /// The most tokens of input and output together.
    pub context_tokens: Option<u64>,
    /// The most tokens of output.
    pub max_output_tokens: Option<u64>,
}

/// A dated table of prices.
pub trait Prices: Send + Sync {
    /// What is known at `at` of `model`, by the name that its provider has for it. `None`: it has
    /// no price.
    fn facts(&self, model: &str, at: Timestamp) -> Option<ModelFacts>;
}

/// A table without a row, for tests and installations that count tokens alone.
pub struct NoPrices;

impl Prices for NoPrices {
    fn facts(&self, _: &str, _: Timestamp) -> Option<ModelFacts> {
        None
    }
}
