//! Proof Key for Code Exchange (RFC 7636): S256 alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_kernel::{Error, PlainToken};

use super::Params;
use super::params::invalid;

/// Characters of a challenge: 32 bytes in base64url.
const CHALLENGE_LEN: usize = 43;

/// The hash of a secret that an app proves to know later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    /// The challenge of an authorization request, if it has one. Refuses every method but `S256`,
    /// and a challenge without a method, which would be `plain` (RFC 7636, 4.3).
    pub fn of(params: &Params) -> Result<Option<Self>, Error> {
        let method = params.text("code_challenge_method");
        let Some(challenge) = params.text("code_challenge") else {
            if method.is_some() {
                let detail = "code_challenge_method is there without code_challenge.";
                return Err(invalid(detail).with_param("code_challenge"));
            }
            return Ok(None);
        };
        if method != Some("S256") {
            let detail = "code_challenge_method has to be S256.";
            return Err(invalid(detail).with_param("code_challenge_method"));
        }
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok();
        if challenge.len() != CHALLENGE_LEN || bytes.is_none_or(|bytes| bytes.len() != 32) {
            let detail = "code_challenge has to be a SHA-256 hash in base64url.";
            return Err(invalid(detail).with_param("code_challenge"));
        }
        Ok(Some(Self(challenge.to_owned())))
    }

    /// A challenge that was checked before.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text, for the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the hash whose 32 bytes these are. It is no secret: it was in an address.
    pub fn is(&self, sha256: &[u8; 32]) -> bool {
        URL_SAFE_NO_PAD.encode(sha256) == self.0
    }
}

/// The secret behind a challenge. No `Debug`.
pub struct Verifier(PlainToken);

impl Verifier {
    /// The verifier of a token request, if it has one: 43 to 128 unreserved characters
    /// (RFC 7636, 4.1).
    pub(super) fn of(params: &Params) -> Result<Option<Self>, Error> {
        let Some(verifier) = params.secret("code_verifier") else { return Ok(None) };
        let text = verifier.expose();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if !plain || !(43..=128).contains(&text.len()) {
            let detail = "code_verifier has 43 to 128 of A-Z, a-z, 0-9, '-', '.', '_', '~'.";
            return Err(invalid(detail).with_param("code_verifier"));
        }
        Ok(Some(Self(verifier)))
    }

    /// What is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}
