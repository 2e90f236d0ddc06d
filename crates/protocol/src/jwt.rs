//! Our access tokens (RFC 9068), signed with ES256 (RFC 7518, 3.4).
//!
//! The claims come out of a [`Verified`] token alone, and the only way to one is
//! [`Unverified::verified`], which takes the check of the signature.

use std::borrow::Cow;

use serde::Serialize;
use tollgate_kernel::{Error, Timestamp};

use crate::json::to_json;
pub use crate::jws::{Jws, LEEWAY_S, MAX_LEN, compact};
use crate::jws::{Members, in_time, refusal, refuse, signing_input};

#[cfg(test)]
#[expect(clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;

/// The one algorithm (RFC 7518, 3.4).
pub const ALGORITHM: &str = "ES256";
/// The type of access tokens (RFC 9068, 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The type of introductions to the APIs behind tools: no access token.
pub const IDENTITY_TYPE: &str = "tollgate-identity+jwt";

/// R and S of P-256, 32 bytes each (RFC 7518, 3.4).
const SIGNATURE_LEN: usize = 64;
const CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "client_id",
    "scope",
    "sid",
    "models",
    "key",
    "budget",
    "grant",
    "auth_time",
];

/// A token that has the form of an access token. Whether anybody signed it is not known.
pub struct Unverified<'a>(Jws<'a>);

/// A token whose signature was checked.
pub struct Verified {
    typ: Option<String>,
    payload: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token as [`Jws`] does, and refuses an algorithm other than [`ALGORITHM`].
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        let jws = Jws::parse(token)?;
        if jws.algorithm() != ALGORITHM {
            return refuse("the algorithm is not ES256");
        }
        if jws.signature().len() != SIGNATURE_LEN {
            return refuse("the signature has the wrong length");
        }
        Ok(Self(jws))
    }

    /// Its parts, for the check of the signature.
    pub fn jws(&self) -> &Jws<'a> {
        &self.0
    }

    /// The token as a verified one, if `check` finds that a key of ours made the signature.
    pub fn verified(self, check: impl FnOnce(&Jws<'a>) -> bool) -> Result<Verified, Error> {
        let typ = self.0.typ().map(str::to_owned);
        Ok(Verified { typ, payload: self.0.payload_if(check)? })
    }
}

/// The claims of an access token (RFC 9068, 2.2). Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// Who made it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// For whom it was made: one audience.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// From when on it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own id.
    pub jti: String,
    /// The software that it was made for.
    pub client_id: String,
    /// What it allows, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The session that it came from. It is about another person than the session where somebody
    /// who may made it for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// A claim of ours: the patterns of the models that may be called, separated by spaces; all
    /// that its person may call where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<String>,
    /// A claim of ours: the admin key that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A claim of ours: a budget of its own, as unit, limit and period, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// A claim of ours: the grant that it comes from, where a person allowed an app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// When its person signed in (RFC 9068, 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

impl AccessClaims {
    /// Reads the claims of an access token.
    ///
    /// Refuses tokens of another type; a claim twice, in another case or of the wrong type; more
    /// than one audience; and tokens without `iss`, `sub`, `aud`, `exp`, `iat`, `jti` or
    /// `client_id`.
    pub fn parse(token: &Verified) -> Result<Self, Error> {
        if token.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return refuse("not an access token");
        }
        let claims = Members::read(&token.payload, &CLAIMS)?;
        let optional = |name| claims.text(name).map(|text| text.map(Cow::into_owned));
        Ok(Self {
            iss: claims.required("iss")?,
            sub: claims.required("sub")?,
            aud: claims.audience()?,
            exp: claims.time("exp")?.ok_or_else(|| refusal("exp is missing"))?,
            iat: claims.time("iat")?.ok_or_else(|| refusal("iat is missing"))?,
            nbf: claims.time("nbf")?,
            jti: claims.required("jti")?,
            client_id: claims.required("client_id")?,
            scope: optional("scope")?,
            sid: optional("sid")?,
            models: optional("models")?,
            key: optional("key")?,
            budget: optional("budget")?,
            grant: optional("grant")?,
            auth_time: claims.time("auth_time")?,
        })
    }

    /// Whether the token counts at `now`, for `audience`, when made by `issuer`. Both are compared
    /// byte for byte; clocks may be off by less than [`LEEWAY_S`] past `exp`, and by as much before
    /// `iat` and `nbf`.
    pub fn check(&self, now: Timestamp, issuer: &str, audience: &str) -> Result<(), Error> {
        if self.iss != issuer {
            return refuse("made by another issuer");
        }
        if self.aud != audience {
            return refuse("made for another audience");
        }
        in_time(now, self.exp, (self.iat, self.nbf))
    }

    /// The claims as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// What is to be signed by the key `kid` to make an access token of these claims: header and
    /// payload. [`compact`] adds the signature.
    pub fn signing_input(&self, kid: &str) -> String {
        signing_input(ALGORITHM, ACCESS_TOKEN_TYPE, kid, self)
    }
}

/// Who calls, as the API behind a tool is told. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityClaims {
    /// Who says so.
    pub iss: String,
    /// To whom: the tool's public address.
    pub aud: String,
    /// Who calls.
    pub sub: String,
    /// The app that acts for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What they were allowed, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The tool's name.
    pub tool: String,
    /// When it was said.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
}

impl IdentityClaims {
    /// What is to be signed by the key `kid`: header and payload. [`compact`] adds the signature.
    pub fn signing_input(&self, kid: &str) -> String {
        signing_input(ALGORITHM, IDENTITY_TYPE, kid, self)
    }
}
