//! What stands behind a plain call: where it is, what we say who we are with, what must not come
//! back.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE,
};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tollgate_kernel::{Error, Kind, Secret};
use tollgate_protocol::headers::carries_secrets;

use crate::call::PlainRequest;
use crate::scan::Needle;
use crate::transport::UpstreamRequest;
use crate::upstream::{Patience, host_of};

/// Methods that a plain call may have: no tunnel, and no echo of what we add.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// A secret that goes out in a header.
pub(crate) enum Injected {
    /// The whole value of the header of this name.
    Header(HeaderName, Secret),
    /// `Authorization: Basic` of this `user:password`.
    Basic(Secret),
}

/// Where a plain call goes, with what we add to it. Our secret is in here: it has no `Debug`.
pub(crate) struct Target {
    /// Its name in sentences: `The tool todo`.
    pub(crate) title: Arc<str>,
    /// Scheme, host and port.
    origin: Arc<Uri>,
    /// What its paths begin with, without a slash at the end.
    base: String,
    /// What every request carries.
    headers: HeaderMap,
    /// What no answer may hold.
    pub(crate) needles: Vec<Arc<Needle>>,
    pub(crate) patience: Patience,
}

impl Target {
    /// What is at `url`, called `title` in sentences.
    pub(crate) fn new(
        title: String,
        url: &str,
        injected: Option<&Injected>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let parts = url.parse::<Uri>().map_err(|_| at_fault("that is not a URL"))?.into_parts();
        let scheme = parts.scheme.filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS);
        let scheme = scheme.ok_or_else(|| at_fault("the URL starts with https:// or http://"))?;
        let authority = parts.authority.ok_or_else(|| at_fault("the URL names no host"))?;
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() || authority.as_str().contains('@') {
            return Err(at_fault("the URL has neither a query nor a user name"));
        }
        let (mut headers, mut needles) = (HeaderMap::new(), Vec::new());
        headers.insert(HOST, host_of(&scheme, &authority)?);
        // A secret of ours would not be found in what is compressed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(injected) = injected {
            inject(injected, &mut headers, &mut needles)?;
        }
        let base = path.path().trim_end_matches('/').to_owned();
        let origin = Uri::builder().scheme(scheme).authority(authority).path_and_query("/");
        let origin = Arc::new(origin.build().map_err(|_| at_fault("that is not a URL"))?);
        Ok(Self { title: title.into(), origin, base, headers, needles, patience })
    }

    /// Refuses what may not be asked of anybody.
    pub(crate) fn check(&self, request: &PlainRequest) -> Result<(), Error> {
        check(request)
    }

    /// The request as it goes out, with `added` headers of ours.
    pub(crate) fn request(
        &self,
        request: &PlainRequest,
        added: HeaderMap,
    ) -> Result<UpstreamRequest, Error> {
        let place = format!("{}{}", self.base, request.path_and_query.as_str());
        let mut outgoing = Request::new(Full::new(request.body.clone()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = place.parse().map_err(Error::internal)?;
        let headers = outgoing.headers_mut();
        *headers = request.headers.clone();
        if !self.needles.is_empty() {
            // A part of an answer may hold a part of our secret, which is not found: whole or not
            // at all.
            headers.remove(RANGE);
            headers.remove(IF_RANGE);
        }
        // Ours last and in the place of any other: nothing from outside stands beside them.
        for (name, value) in self.headers.iter().chain(&added) {
            headers.insert(name, value.clone());
        }
        Ok(UpstreamRequest { origin: self.origin.clone(), request: outgoing })
    }

    /// What the place `location` there is called by callers who know this target as `address`;
    /// nothing where it is not below it.
    pub(crate) fn shown_place(&self, location: &str, address: &str) -> Option<String> {
        let origin = self.origin.to_string();
        let path = match location.strip_prefix(origin.trim_end_matches('/')) {
            Some(path) => path,
            None => location,
        };
        let rest = path.strip_prefix(self.base.as_str())?;
        let below = rest.starts_with('/') && !rest.starts_with("//") && !leads_out(rest);
        below.then(|| format!("{address}{rest}"))
    }
}

/// Refuses what may not be asked: other methods, and paths that lead out of what was meant,
/// however they are written.
pub(crate) fn check(request: &PlainRequest) -> Result<(), Error> {
    if !METHODS.contains(&request.method) {
        let words = "This method is not passed on.";
        return Err(Error::new(Kind::MethodNotAllowed, words));
    }
    if request.body.len() > crate::PLAIN_BODY_MAX {
        let words = format!("The body is larger than {} bytes.", crate::PLAIN_BODY_MAX);
        return Err(Error::new(Kind::TooLarge, words));
    }
    let path = request.path_and_query.path();
    if !path.starts_with('/') || leads_out(path) {
        let words = "The path has a part of dots alone or a backslash, or begins with no slash.";
        return Err(Error::invalid(words).with_param("path"));
    }
    Ok(())
}

fn inject(
    injected: &Injected,
    headers: &mut HeaderMap,
    needles: &mut Vec<Arc<Needle>>,
) -> Result<(), Error> {
    let (name, text) = match injected {
        Injected::Header(name, secret) => {
            // Of `Bearer x` an answer may give `x` away.
            let (_, token) = secret.expose().split_once(' ').unwrap_or(("", secret.expose()));
            needles.extend(Needle::of(&Secret::new(token.trim().to_owned())));
            (name.clone(), secret.expose().to_owned())
        }
        Injected::Basic(pair) => {
            let (_, password) = pair.expose().split_once(':').unwrap_or(("", pair.expose()));
            let encoded = STANDARD.encode(pair.expose());
            needles.extend(Needle::of(&Secret::new(password.to_owned())));
            needles.extend(Needle::of(&Secret::new(encoded.clone())));
            (AUTHORIZATION, format!("Basic {encoded}"))
        }
    };
    if !carries_secrets(name.as_str()) {
        let words = "that header frames the message or is set by this server; take another one";
        return Err(Error::invalid(words).with_param("upstream_auth"));
    }
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        let words = "the secret holds characters that no header can carry";
        Error::invalid(words).with_param("upstream_auth")
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// Whether a path means another place to some server, as it is written, unescaped, or unescaped
/// twice: by a segment of dots between slashes of either kind. Backslashes and NULs mean nothing
/// good in a path either.
fn leads_out(path: &str) -> bool {
    let once = unescaped(path.as_bytes());
    let twice = unescaped(&once);
    let is_odd = |byte: &u8| matches!(byte, b'\\' | 0);
    once.iter().any(is_odd)
        || [path.as_bytes(), &once, &twice].into_iter().any(|path| {
            let segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
            // What follows a semicolon is a parameter to some servers.
            let mut names = segments.map(|it| it.split(|byte| *byte == b';').next().unwrap_or(it));
            names.any(|name| name == b"." || name == b"..")
        })
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let pair = digit(text.get(at + 1)).zip(digit(text.get(at + 2)));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

fn at_fault(what: &'static str) -> Error {
    Error::invalid(what).with_param("upstream_url")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "target_tests.rs"]
mod tests;
