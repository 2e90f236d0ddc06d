//! The gate: credential → principal → permit → hold → outcome → entry.
//!
//! Every call of every door goes through here, in this order, and what a function takes is proof
//! that the step before it was made. Doors have no store writer, no vault and no HTTP client.

mod live;
mod presented;
mod principal;

pub use live::Live;
pub use presented::Presented;
pub use principal::{Principal, Reach, Warrant};
