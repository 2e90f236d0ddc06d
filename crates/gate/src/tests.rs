//! Calls of tools, from what their callers present to what the API behind gets and what is left of
//! them.

mod callers;
mod faults;
mod forwarding;
mod house;
mod identity;
