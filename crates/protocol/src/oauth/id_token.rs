//! ID tokens (OpenID Connect Core, 2), signed with RS256 (RFC 7518, 3.3).
//!
//! They say who signed in, to one app. They are no credential: type and algorithm are others than
//! an access token's, and neither parser reads the other's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tollgate_kernel::Error;

use crate::json::to_json;
use crate::jwt::{MAX_LEN, Members, decode, refusal, refuse};

const ALGORITHM: &str = "RS256";
const TYPE: &str = "JWT";
const HEADERS: [&str; 3] = ["alg", "typ", "kid"];
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
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'static str,
            typ: &'static str,
            kid: &'a str,
        }
        let mut out = URL_SAFE_NO_PAD.encode(to_json(&Header { alg: ALGORITHM, typ: TYPE, kid }));
        out.push('.');
        URL_SAFE_NO_PAD.encode_string(to_json(self), &mut out);
        out
    }

    /// The claim `at_hash` for an access token with this SHA-256.
    pub fn at_hash(sha256: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(sha256.split_at(16).0)
    }
}

/// An ID token that comes back as a hint. Whether anybody signed it is not known.
pub struct UnverifiedId<'a> {
    signing_input: &'a str,
    signature: Vec<u8>,
    kid: Option<String>,
    payload: Vec<u8>,
}

impl<'a> UnverifiedId<'a> {
    /// Reads a compact JWS with RS256, as strictly as access tokens are read.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_LEN {
            return refuse("the token is too long");
        }
        let parts = token.rsplit_once('.').and_then(|(input, signature)| {
            let (header, payload) = input.split_once('.')?;
            Some((input, header, payload, signature))
        });
        let Some((signing_input, header, payload, signature)) = parts else {
            return refuse("not a compact JWS");
        };
        let header = decode(header)?;
        let header = Members::read(&header, &HEADERS)?;
        if !header.has_only(&HEADERS)
            || header.text("alg")?.as_deref() != Some(ALGORITHM)
            || header.text("typ")?.as_deref() != Some(TYPE)
        {
            return refuse("not an ID token of ours");
        }
        Ok(Self {
            signing_input,
            signature: decode(signature)?,
            kid: header.text("kid")?.map(|kid| kid.into_owned()),
            payload: decode(payload)?,
        })
    }

    /// Which key is said to have signed it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The bytes that were signed.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What it says, if `check` finds that a key of ours made the signature.
    pub fn verified(self, check: impl FnOnce(&Self) -> bool) -> Result<VerifiedId, Error> {
        if !check(&self) {
            return refuse("the signature does not match");
        }
        let claims = Members::read(&self.payload, &CLAIMS)?;
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
