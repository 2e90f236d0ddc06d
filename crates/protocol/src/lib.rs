//! The standards that Tollgate speaks, as pure types and parsers. Nothing here does I/O, reads a
//! clock or waits.
//!
//! | module | what |
//! |---|---|
//! | [`api_key`] | the format of our own keys and tokens: made, and checked before any look-up |
//! | [`document`] | JSON or YAML as one kind of value, bounded |
//! | [`headers`] | which headers a secret may go in |
//! | [`oauth`] | OAuth 2.0 and OpenID Connect as an authorization server reads and writes them |
//! | [`openai`] | the OpenAI wire: requests, streams, usage, errors, lists of models |
//! | [`sse`] | server-sent events, split without changing a byte |
//! | [`jwt`] | compact JWS, and the claims of our access tokens (RFC 7515, RFC 9068) |
//! | [`plugin_host`] | the plugin protocol of 2023, as a host reads manifests and asks for tokens |
//! | [`problem`] | problem documents of the management API (RFC 9457) |
//! | [`tool`] | what a tool publishes: its plugin manifest and its OpenAPI document |
//! | [`sign_in`] | what sign-in providers answer: metadata, keys, tokens, ID tokens, profiles |
//!
//! Whatever comes from the network passes one of these parsers: they refuse with a
//! [`tollgate_kernel::Error`] or answer `None`, they never panic, and each has its limits as named
//! constants.

pub mod api_key;
pub mod document;
pub mod headers;
mod json;
mod json_scan;
mod jws;
pub mod jwt;
pub mod oauth;
pub mod openai;
pub mod plugin_host;
pub mod problem;
pub mod sign_in;
pub mod sse;
pub mod tool;
