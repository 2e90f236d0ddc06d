//! What a sign-in provider answers, read strictly where it decides something and leniently where it
//! does not: metadata (OpenID Connect Discovery 1.0), keys (RFC 7517), token answers (RFC 6749,
//! 5.1), ID tokens (OpenID Connect Core 1.0, 2 and 3.1.3.7) and profiles (5.3).

mod discovery;
mod id_token;
mod jwks;
mod profile;
mod token_answer;

pub use discovery::{Discovery, discovery_url};
pub use id_token::{IdClaims, UnverifiedIdToken, VerifiedIdToken};
pub use jwks::{Algorithm, Curve, Jwk, Jwks, KeyMaterial};
pub use profile::{Fields, Profile, primary_email};
pub use token_answer::{TokenAnswer, TokenRefusal, Tokens};
