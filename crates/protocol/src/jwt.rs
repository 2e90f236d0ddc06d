//! Compact JWS with ES256 (RFC 7515, RFC 7518), read strictly, and the claims of our access tokens
//! (RFC 9068).
//!
//! The claims come out of a [`Verified`] token alone, and the only way to one is
//! [`Unverified::verified`], which takes the check of the signature. Every refusal has the same
//! words for the caller; the reason is in the error's source.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tollgate_kernel::{Error, PlainToken, Timestamp};

use crate::json::to_json;
use crate::json_scan::{Member, Value, Visitor, folded, scan_object};

#[cfg(test)]
#[expect(clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;

/// The longest token that is looked at, in bytes.
pub const MAX_LEN: usize = 16 * 1024;
/// How far another clock may be off, in seconds.
pub const LEEWAY_S: i64 = 60;
/// The one algorithm (RFC 7518, 3.4).
pub const ALGORITHM: &str = "ES256";
/// The type of access tokens (RFC 9068, 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// R and S of P-256, 32 bytes each (RFC 7518, 3.4).
const SIGNATURE_LEN: usize = 64;
pub(crate) const MAX_KID_LEN: usize = 128;
const MAX_MEMBERS: usize = 64;

/// Header members that would have us trust what the token brings along, or read it in another way
/// (RFC 7515, 4.1; RFC 7797).
pub(crate) const REFUSED_HEADERS: [&str; 7] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"];
pub(crate) const HEADERS: [&str; 10] =
    ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"];
const CLAIMS: [&str; 13] = [
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
];

/// A token that has the right form. Whether anybody signed it is not known.
pub struct Unverified<'a> {
    signing_input: &'a str,
    signature: [u8; SIGNATURE_LEN],
    kid: Option<String>,
    typ: Option<String>,
    payload: Vec<u8>,
}

/// A token whose signature was checked.
pub struct Verified {
    typ: Option<String>,
    payload: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a compact JWS.
    ///
    /// Refuses what is longer than [`MAX_LEN`]; other than three parts in canonical base64url; an
    /// algorithm other than [`ALGORITHM`]; a header with a member twice or in another case, with
    /// `crit`, `b64` or `zip`, or with a key or certificate of its own.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_LEN {
            return refuse("the token is too long");
        }
        let Some((signing_input, signature)) = token.rsplit_once('.') else {
            return refuse("not a compact JWS");
        };
        let Some((header, payload)) = signing_input.split_once('.') else {
            return refuse("not a compact JWS");
        };
        let Ok(signature) = <[u8; SIGNATURE_LEN]>::try_from(decode(signature)?) else {
            return refuse("the signature has the wrong length");
        };
        let header = decode(header)?;
        let header = Members::read(&header, &HEADERS)?;
        if REFUSED_HEADERS.iter().any(|name| header.value(name).is_some()) {
            return refuse("the header has a member that is not accepted");
        }
        if header.text("alg")?.as_deref() != Some(ALGORITHM) {
            return refuse("the algorithm is not ES256");
        }
        let kid = header.text("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_LEN) {
            return refuse("the key id is too long");
        }
        Ok(Self {
            signing_input,
            signature,
            kid: kid.map(Cow::into_owned),
            typ: header.text("typ")?.map(Cow::into_owned),
            payload: decode(payload)?,
        })
    }

    /// Which key is said to have signed it: opaque, to be looked up among our own.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The type that the header gives (RFC 7515, 4.1.9).
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The bytes that were signed.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature: R and S (RFC 7518, 3.4).
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The token as a verified one, if `check` finds that a key of ours made the signature.
    pub fn verified(self, check: impl FnOnce(&Self) -> bool) -> Result<Verified, Error> {
        if !check(&self) {
            return refuse("the signature does not match");
        }
        Ok(Verified { typ: self.typ, payload: self.payload })
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
        let now_s = now.secs();
        if now_s >= self.exp.saturating_add(LEEWAY_S) {
            return refuse("expired");
        }
        let starts = self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat));
        if now_s < starts.saturating_sub(LEEWAY_S) {
            return refuse("not valid yet");
        }
        Ok(())
    }

    /// The claims as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// What is to be signed by the key `kid` to make an access token of these claims: header and
    /// payload. [`compact`] adds the signature.
    pub fn signing_input(&self, kid: &str) -> String {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'static str,
            typ: &'static str,
            kid: &'a str,
        }
        let header = to_json(&Header { alg: ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid });
        let mut out = URL_SAFE_NO_PAD.encode(header);
        out.push('.');
        URL_SAFE_NO_PAD.encode_string(self.to_json(), &mut out);
        out
    }
}

/// The token: what was signed, and its signature (RFC 7515, 7.1).
pub fn compact(signing_input: &str, signature: &[u8]) -> PlainToken {
    PlainToken::new(format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The members of a flat JSON object, each there once and in its own spelling.
pub(crate) struct Members<'a> {
    known: &'static [&'static str],
    found: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Members<'a> {
    pub(crate) fn read(json: &'a [u8], known: &'static [&'static str]) -> Result<Self, Error> {
        let text = std::str::from_utf8(json).map_err(|_| refusal("not UTF-8"))?;
        let mut members = Self { known, found: Vec::new() };
        scan_object(text, &mut members).map_err(|e| Error::unauthenticated().with_source(e))?;
        Ok(members)
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value<'a>> {
        self.found.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_text().map(Some).ok_or_else(|| refusal("a member is not a string"))
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, Error> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.map(Cow::into_owned).ok_or_else(|| refusal("a required claim is missing"))
    }

    /// One audience: a string, or a list of one.
    fn audience(&self) -> Result<String, Error> {
        let listed = self.value("aud").filter(|value| value.text.starts_with('['));
        let Some(list) = listed else { return self.required("aud") };
        match serde_json::from_str::<[String; 1]>(list.text) {
            Ok([audience]) if !audience.is_empty() => Ok(audience),
            _ => refuse("not exactly one audience"),
        }
    }

    /// A whole number of seconds. Fractions are legal elsewhere (RFC 7519, 2); we make none.
    fn time(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let time = value.text.parse().ok().filter(|seconds: &i64| *seconds >= 0);
        time.map(Some).ok_or_else(|| refusal("a time is not a number of seconds"))
    }
}

impl<'a> Visitor<'a> for Members<'a> {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth != 1 {
            return Ok(());
        }
        let Some(name) = member.name() else { return refuse("a name is not Unicode text") };
        if self.found.iter().any(|(found, _)| *found == name) {
            return refuse("a member appears twice");
        }
        if self.found.len() == MAX_MEMBERS {
            return refuse("too many members");
        }
        let is = |name: &str| self.known.contains(&name);
        if is(&folded(&name)) && !is(&name) {
            return refuse("a member's name is in another case");
        }
        self.found.push((name, member.value));
        Ok(())
    }
}

/// Canonical base64url without padding (RFC 7515, 2): one text for one sequence of bytes, so that a
/// token has one spelling only.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| refusal("not canonical base64url"))
}

pub(crate) fn refusal(why: &'static str) -> Error {
    Error::unauthenticated().with_source(why)
}

pub(crate) fn refuse<T>(why: &'static str) -> Result<T, Error> {
    Err(refusal(why))
}
