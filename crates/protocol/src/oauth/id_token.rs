//! ID tokens (OpenID Connect Core, 2), signed with RS256 (RFC 7518, 3.3).
//!
//! They say who signed in, to one app. They are no credential: type and algorithm are others than
//! an access token's, and neither parser reads the other's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tollgate_kernel::Error;

use crate::jws::{Jws, Members, refusal, refuse, signing_input};

const ALGORITHM: &str = "RS256";
const TYPE: &str = "JWT";
const CLAIMS: [&str; 6] = ["iss", "sub", "aud", "exp", "iat", "sid"];

/// The claims of an ID token. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IdClaims {
    /// Who made it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// The app that it is for.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// When the person signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The request's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Half of the hash of the access token beside it (3.1.3.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The person's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the person has shown that it is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

impl IdClaims {
    /// What is to be signed by the key `kid`; [`crate::jwt::compact`] adds the signature.
    pub fn signing_input(&self, kid: &str) -> String {
        signing_input(ALGORITHM, TYPE, kid, self)
    }

    /// The claim `at_hash` for an access token with this SHA-256.
    pub fn at_hash(sha256: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(sha256.split_at(16).0)
    }
}

/// An ID token that comes back as a hint. Whether anybody signed it is not known.
pub struct UnverifiedId<'a>(Jws<'a>);

impl<'a> UnverifiedId<'a> {
    /// Reads a token as [`Jws`] does, and refuses another algorithm and type than ours.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        let jws = Jws::parse(token)?;
        if jws.algorithm() != ALGORITHM || jws.typ() != Some(TYPE) {
            return refuse("not an ID token of ours");
        }
        Ok(Self(jws))
    }

    /// Its parts, for the check of the signature.
    pub fn jws(&self) -> &Jws<'a> {
        &self.0
    }

    /// What it says, if `check` finds that a key of ours made the signature.
    pub fn verified(self, check: impl FnOnce(&Jws<'a>) -> bool) -> Result<VerifiedId, Error> {
        let payload = self.0.payload_if(check)?;
        let claims = Members::read(&payload, &CLAIMS)?;
        Ok(VerifiedId {
            iss: claims.required("iss")?,
            sub: claims.required("sub")?,
            aud: claims.audience()?,
            exp: claims.time("exp")?.ok_or_else(|| refusal("exp is missing"))?,
            sid: claims.text("sid")?.map(|sid| sid.into_owned()),
        })
    }
}

/// What an ID token of ours says. It may have ended: as a hint it serves all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedId {
    /// Who made it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// The app that it is for.
    pub aud: String,
    /// When it ended, or ends.
    pub exp: i64,
    /// The session.
    pub sid: Option<String>,
}
