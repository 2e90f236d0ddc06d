//! Compact JWS (RFC 7515, 7.1), read strictly: the one reader for every token, ours or not, and the
//! one way to write ours.
//!
//! Every refusal has the same words for the caller; the reason is in the error's source.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tollgate_kernel::{Error, PlainToken, Timestamp};

use crate::json::to_json;
use crate::json_scan::{Member, Value, Visitor, folded, scan_object};

/// The longest token that is looked at, in bytes.
pub const MAX_LEN: usize = 16 * 1024;
/// How far another clock may be off, in seconds.
pub const LEEWAY_S: i64 = 60;

/// The longest name of a key that is looked at, in bytes.
const MAX_KID_LEN: usize = 128;
/// The most members of a header or of claims.
const MAX_MEMBERS: usize = 64;

/// Header members that would have us trust what the token brings along, or read it in another way
/// (RFC 7515, 4.1; RFC 7797).
const REFUSED_HEADERS: [&str; 7] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"];
const HEADERS: [&str; 10] = ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"];

/// A token that has the right form. Whether anybody signed it is not known.
pub struct Jws<'a> {
    signing_input: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    typ: Option<String>,
    kid: Option<String>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads a token.
    ///
    /// Refuses what is longer than [`MAX_LEN`]; other than three parts in canonical base64url; a
    /// header without an algorithm, with a member twice or in another case, with `crit`, `b64` or
    /// `zip`, or with a key or certificate of its own. Which algorithms and types count is for
    /// whoever knows what kind of token it is to be.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_LEN {
            return refuse("the token is too long");
        }
        let Some((signing_input, signature)) = token.rsplit_once('.') else {
            return refuse("not a compact JWS");
        };
        let Some((header, payload)) = signing_input.split_once('.') else {
            return refuse("not a compact JWS");
        };
        let header = decode(header)?;
        let header = Members::read(&header, &HEADERS)?;
        if REFUSED_HEADERS.iter().any(|name| header.value(name).is_some()) {
            return refuse("the header has a member that is not accepted");
        }
        let kid = header.text("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_LEN) {
            return refuse("the key id is too long");
        }
        Ok(Self {
            signing_input,
            signature: decode(signature)?,
            algorithm: header.required("alg")?,
            typ: header.text("typ")?.map(Cow::into_owned),
            kid: kid.map(Cow::into_owned),
            payload: decode(payload)?,
        })
    }

    /// Which key is said to have signed it: opaque, to be looked up among its maker's.
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

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The algorithm that the header gives.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// What it says, if `signed` finds that the right key made the signature.
    pub(crate) fn payload_if(self, signed: impl FnOnce(&Self) -> bool) -> Result<Vec<u8>, Error> {
        if signed(&self) { Ok(self.payload) } else { refuse("the signature does not match") }
    }
}

/// What is to be signed by the key `kid`: header and claims. [`compact`] adds the signature.
pub(crate) fn signing_input(alg: &str, typ: &str, kid: &str, claims: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'a str,
        typ: &'a str,
        kid: &'a str,
    }
    let mut out = URL_SAFE_NO_PAD.encode(to_json(&Header { alg, typ, kid }));
    out.push('.');
    URL_SAFE_NO_PAD.encode_string(to_json(claims), &mut out);
    out
}

/// The token: what was signed, and its signature (RFC 7515, 7.1).
pub fn compact(signing_input: &str, signature: &[u8]) -> PlainToken {
    PlainToken::new(format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Whether a token of these times counts at `now`: clocks may be off by less than [`LEEWAY_S`] past
/// `exp`, and by as much before `iat` and `nbf`.
pub(crate) fn in_time(
    now: Timestamp,
    exp: i64,
    (iat, nbf): (i64, Option<i64>),
) -> Result<(), Error> {
    let now_s = now.secs();
    if now_s >= exp.saturating_add(LEEWAY_S) {
        return refuse("expired");
    }
    let starts = nbf.map_or(iat, |nbf| nbf.max(iat));
    if now_s < starts.saturating_sub(LEEWAY_S) {
        return refuse("not valid yet");
    }
    Ok(())
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
    pub(crate) fn audience(&self) -> Result<String, Error> {
        let listed = self.value("aud").filter(|value| value.text.starts_with('['));
        let Some(list) = listed else { return self.required("aud") };
        match serde_json::from_str::<[String; 1]>(list.text) {
            Ok([audience]) if !audience.is_empty() => Ok(audience),
            _ => refuse("not exactly one audience"),
        }
    }

    /// A whole number of seconds. Fractions are legal elsewhere (RFC 7519, 2); we make none.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Error> {
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
