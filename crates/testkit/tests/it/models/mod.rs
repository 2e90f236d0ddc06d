//! The models door. What depends on the store is in `both`, and runs on each engine.

pub(crate) mod both;
pub(crate) mod faults;
mod metering;
mod rates;
mod refusals;
mod unseen;

both::suite!(Sqlite);
