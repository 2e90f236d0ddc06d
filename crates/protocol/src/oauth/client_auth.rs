//! How an app says who it is at the token endpoint (RFC 6749, 2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate_kernel::{Error, OAuthCode, PlainToken};

use super::Params;
use super::params::{decoded, invalid, missing};

/// What an app presents. No `Debug`.
pub struct ClientAuth {
    /// Its id.
    pub client_id: String,
    /// How it shows that it is the one.
    pub proof: Proof,
}

/// How an app shows that it is the one. No `Debug`.
pub enum Proof {
    /// Not at all: it can keep no secret.
    None,
    /// `Authorization: Basic`. Some encode id and secret as in a form before (as RFC 6749 asks),
    /// some do not: the secret in both readings.
    Basic {
        /// As it stands.
        raw: PlainToken,
        /// Without its escapes.
        decoded: PlainToken,
    },
    /// `client_secret` in the body.
    Post(PlainToken),
}

impl ClientAuth {
    /// Reads what the `Authorization` header, if there is one, and the body say. Two ways at once
    /// are refused.
    pub fn of(authorization: Option<&[u8]>, params: &Params) -> Result<Self, Error> {
        let posted = params.secret("client_secret");
        let said = params.text("client_id");
        let Some(header) = authorization else {
            let client_id = said.ok_or_else(|| missing("client_id"))?.to_owned();
            return Ok(Self { client_id, proof: posted.map_or(Proof::None, Proof::Post) });
        };
        if posted.is_some() {
            let detail = "The client is authenticated in two ways. Use one of them.";
            return Err(invalid(detail).with_param("client_secret"));
        }
        let (id, secret) = basic(header).ok_or_else(|| {
            let detail = "The Authorization header is not HTTP Basic with an id and a secret.";
            Error::oauth(OAuthCode::InvalidClient, detail)
        })?;
        let client_id = decoded(id.as_bytes()).unwrap_or(id);
        if said.is_some_and(|said| said != client_id) {
            let detail = "client_id is not the one of the Authorization header.";
            return Err(invalid(detail).with_param("client_id"));
        }
        if secret.expose().is_empty() {
            return Ok(Self { client_id, proof: Proof::None });
        }
        let without = decoded(secret.expose().as_bytes()).map(PlainToken::new);
        let decoded = without.unwrap_or_else(|_| secret.clone());
        Ok(Self { client_id, proof: Proof::Basic { raw: secret, decoded } })
    }
}

/// Id and secret of `Basic …` (RFC 7617, 2).
fn basic(header: &[u8]) -> Option<(String, PlainToken)> {
    let (scheme, rest) = header.split_at_checked("basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = PlainToken::new(String::from_utf8(STANDARD.decode(rest.trim_ascii()).ok()?).ok()?);
    let (id, secret) = text.expose().split_once(':')?;
    Some((id.to_owned(), PlainToken::new(secret.to_owned()))).filter(|(id, _)| !id.is_empty())
}
