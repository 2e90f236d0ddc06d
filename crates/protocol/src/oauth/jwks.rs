//! Our public keys as a document (RFC 7517).

use serde::Serialize;

/// A public key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

impl Jwk {
    /// A key of ES256 by the coordinates of its point (RFC 7518, 6.2.1).
    pub fn es256(kid: &str, x: String, y: String) -> Self {
        let (crv, x, y) = (Some("P-256"), Some(x), Some(y));
        Self { crv, x, y, kty: "EC", ..Self::of("ES256", kid) }
    }

    /// A key of RS256 by its modulus and exponent (RFC 7518, 6.3.1).
    pub fn rs256(kid: &str, n: String, e: String) -> Self {
        Self { n: Some(n), e: Some(e), ..Self::of("RS256", kid) }
    }

    fn of(alg: &'static str, kid: &str) -> Self {
        let (kty, usage, kid) = ("RSA", "sig", kid.to_owned());
        Self { kty, usage, alg, kid, crv: None, x: None, y: None, n: None, e: None }
    }
}

/// All keys (RFC 7517, 5).
#[derive(Clone, Debug, Serialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}
