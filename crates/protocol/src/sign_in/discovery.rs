//! A provider's metadata (OpenID Connect Discovery 1.0, 3 and 4).

use serde::Deserialize;
use tollgate_kernel::Error;

/// The metadata of a provider, as far as signing in needs it. Addresses are text as they came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// Who this is about: the issuer that was asked for, byte for byte.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: Option<String>,
    /// Where codes are exchanged.
    pub token_endpoint: Option<String>,
    /// Where the profile is.
    pub userinfo_endpoint: Option<String>,
    /// Where the keys are.
    pub jwks_uri: Option<String>,
    /// Whether its answers name their issuer (RFC 9207, 3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Discovery {
    /// Reads the metadata of `issuer`. An error, with its reason as the cause, where it is not that
    /// issuer's: compared byte for byte (4.3).
    pub fn parse(body: &[u8], issuer: &str) -> Result<Self, Error> {
        let metadata: Self = serde_json::from_slice(body).map_err(|error| {
            // Serde's words repeat what it read.
            let at = format!("line {} column {}", error.line(), error.column());
            Error::invalid("The metadata is malformed.").with_source(at)
        })?;
        if metadata.issuer != issuer {
            return Err(Error::invalid("The metadata is another issuer's."));
        }
        Ok(metadata)
    }
}

/// Where the metadata of `issuer` is (OpenID Connect Discovery 1.0, 4.1).
pub fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn v8_v10_metadata_of_another_issuer_is_refused() {
        let of = |issuer: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://a/k"}}"#);
        let issuer = "https://a.example/tenant";
        let read = Discovery::parse(of(issuer).as_bytes(), issuer).unwrap();
        assert_eq!(read.jwks_uri.as_deref(), Some("https://a/k"));
        assert!(!read.authorization_response_iss_parameter_supported);
        for other in
            ["https://a.example/tenant/", "https://A.example/tenant", "https://a.example", ""]
        {
            assert!(Discovery::parse(of(other).as_bytes(), issuer).is_err(), "{other}");
        }
        assert!(Discovery::parse(b"<html>", issuer).is_err());
        assert!(Discovery::parse(b"{}", issuer).is_err());
    }

    #[test]
    fn the_path_of_an_issuer_stays() {
        let at = |path: &str| format!("https://a.example{path}/.well-known/openid-configuration");
        assert_eq!(discovery_url("https://a.example"), at(""));
        assert_eq!(discovery_url("https://a.example/"), at(""));
        assert_eq!(discovery_url("https://a.example/t/v2.0"), at("/t/v2.0"));
    }
}
