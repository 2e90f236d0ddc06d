//! OAuth 2.0 and OpenID Connect, as an authorization server reads and writes them.
//!
//! | module | what |
//! |---|---|
//! | `params` | the parameters of a request: a query, a form, or JSON |
//! | `redirect` | redirect URIs: which may be registered, and which of them a request names |
//! | `pkce` | the proof of possession of a code (RFC 7636) |
//! | `authorize` | authorization requests |
//! | `client_auth` | how an app says who it is |
//! | `error` | refusals (RFC 6749, 5.2) |
//! | `token` | token requests |
//! | `id_token` | ID tokens (OpenID Connect Core, 2): RS256 alone |
//! | `jwks` | our public keys (RFC 7517) |
//! | `metadata` | the document that describes the server (RFC 8414) |
//!
//! Errors are [`tollgate_kernel::Error`]s with a code of [`tollgate_kernel::OAuthCode`].

mod authorize;
mod client_auth;
mod error;
mod id_token;
mod jwks;
mod metadata;
mod params;
mod pkce;
mod plugin_host;
mod redirect;
#[cfg(test)]
mod tests;
mod token;

pub use authorize::{Addressed, Prompt, Wish};
pub use client_auth::{ClientAuth, Proof};
pub use error::{challenge, description, error_body};
pub use id_token::{IdClaims, UnverifiedId, VerifiedId};
pub use jwks::{Jwk, Jwks};
pub use metadata::Metadata;
pub use params::Params;
pub use pkce::{Challenge, Verifier};
pub use plugin_host::{plugin_callbacks, plugin_of_callback};
pub use redirect::{RedirectUri, answer_url};
pub use token::{GrantRequest, GrantType, TokenRequest};
