//! The parts of the `tollgate` binary: configuration, command line, wiring, prices, the demo model.

pub mod cli;
pub mod config;
pub mod demo_model;
pub mod first_start;
pub mod health;
pub mod prices;
pub mod wire;
