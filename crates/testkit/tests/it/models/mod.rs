//! The models door. What depends on the store is in `both`, and runs on each engine.

pub(crate) mod both;
mod credentials;
pub(crate) mod faults;
mod metering;
mod plans;
mod rates;
mod refusals;
mod tls;
mod unseen;

both::suite!(Sqlite);
