//! The parts of the `tollgate` binary: configuration, command line, prices, the demo model.

pub mod cli;
pub mod config;
pub mod demo_model;
pub mod prices;
