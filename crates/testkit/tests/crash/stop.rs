//! Asked to stop.
