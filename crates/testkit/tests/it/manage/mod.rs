//! The management API, whole-server.

mod networks;
