//! The parts of the `tollgate` binary: configuration, command line, wiring, prices, the demo model.

pub mod ask;
pub mod certificates;
pub mod cli;
pub mod config;
pub mod declare;
mod declare_providers;
mod declare_rest;
pub mod demo;
mod demo_connections;
pub mod demo_model;
pub mod demo_todo;
mod demo_tools;
mod doctor;
pub mod exit;
pub mod first_start;
pub mod health;
pub mod init;
mod master_key;
pub mod metrics;
mod own_log;
pub mod prices;
pub mod serve;
pub mod start;
pub mod wire;
