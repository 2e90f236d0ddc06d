//! The management API, whole-server.

mod flight;
mod networks;
mod replays;
