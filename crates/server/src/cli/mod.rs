//! The command line.

pub mod args;
mod manage_args;
