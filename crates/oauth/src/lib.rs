//! The door that apps come in by: the authorization server (OAuth 2.1) and OpenID provider.
//!
//! One file for each use case. An authorization request is read by `authorize`, decided by
//! `consider`, and ends at a page, at the sign-in, or at the app; a token request is read by
//! `token` and answered by `redeem_code`, `refresh` or `client_credentials`. `routes.rs` says what
//! is offered.

mod app;
mod authorize;
mod client_credentials;
mod consent;
mod consider;
mod cors;
mod end_session;
mod grants;
mod introspect;
mod issue;
mod keys;
mod metadata;
mod pages;
mod plugin_callback;
mod redeem_code;
mod refresh;
mod revoke;
mod routes;
mod scopes;
mod state;
mod ticket;
mod token;
mod userinfo;

pub use routes::rows;
pub use state::OAuthState;
