//! The management of tools: what the API takes, what the configuration file declares, and how both
//! become a record.

pub(crate) mod callbacks;
mod change;
mod declare;
mod let_in;
pub(crate) mod service_tokens;
pub(crate) mod tools;
pub(crate) mod verification;

pub use change::{AuthBody, ManifestChange, TimeoutsChange, ToolChange};
pub use declare::reconcile;
pub use let_in::UpstreamAuthBody;
