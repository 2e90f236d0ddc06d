//! Our cookies: their names, their attributes, and how a request's are read.

use axum::extract::FromRequestParts;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use http::request::Parts;
use tollgate_kernel::{Error, PlainToken};

use crate::error::Fault;

/// Longest cookie that browsers keep, name and attributes included (RFC 6265, 6.1).
const MAX_BYTES: usize = 4_096;

/// The names and attributes of our cookies. On https every name has the prefix `__Host-`, so that
/// no other host can set it; on loopback http browsers refuse that prefix, and `Secure`.
#[derive(Clone, Copy, Debug)]
pub struct CookieNames {
    https: bool,
}

impl CookieNames {
    /// The names for an installation that is reached by https, or by http on loopback.
    pub const fn new(https: bool) -> Self {
        Self { https }
    }

    /// The cookie of a signed-in browser.
    pub const fn session(self) -> &'static str {
        if self.https { "__Host-tollgate" } else { "tollgate" }
    }

    /// The cookie of a browser that is not signed in yet; forms are bound to it.
    pub const fn presession(self) -> &'static str {
        if self.https { "__Host-tollgate-pre" } else { "tollgate-pre" }
    }

    /// The cookie of a browser that is at a sign-in provider: only it may come back from there.
    pub const fn sign_in(self) -> &'static str {
        if self.https { "__Host-tollgate-in" } else { "tollgate-in" }
    }

    /// The language that a person chose.
    pub const fn language(self) -> &'static str {
        if self.https { "__Host-tollgate-lang" } else { "tollgate-lang" }
    }

    /// The theme that a person chose.
    pub const fn theme(self) -> &'static str {
        if self.https { "__Host-tollgate-theme" } else { "tollgate-theme" }
    }

    /// A `Set-Cookie` value for the session, which ends with the browser unless `max_age_s` is
    /// given.
    pub fn set_session(
        self,
        token: &PlainToken,
        max_age_s: Option<u64>,
    ) -> Result<HeaderValue, Error> {
        let mut value = self.set(self.session(), token.expose(), max_age_s)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A `Set-Cookie` value that ends the session cookie.
    pub fn clear_session(self) -> Result<HeaderValue, Error> {
        self.set(self.session(), "", Some(0))
    }

    /// A `Set-Cookie` value: HttpOnly, SameSite=Lax, Path=/, on https also Secure.
    pub fn set(
        self,
        name: &str,
        value: &str,
        max_age_s: Option<u64>,
    ) -> Result<HeaderValue, Error> {
        let plain =
            |b: u8| matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        if !value.bytes().all(plain) {
            return Err(Error::internal(
                "a cookie's value has characters that cookies cannot hold",
            ));
        }
        let mut line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
        if self.https {
            line.push_str("; Secure");
        }
        if let Some(s) = max_age_s {
            line.push_str("; Max-Age=");
            line.push_str(&s.to_string());
        }
        if line.len() > MAX_BYTES {
            return Err(Error::internal("a cookie is longer than browsers keep"));
        }
        HeaderValue::from_str(&line).map_err(Error::internal)
    }
}

/// The cookies of a request, as an extractor.
pub struct Cookies(Vec<HeaderValue>);

impl Cookies {
    /// The cookies among `headers`.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(COOKIE).iter().cloned().collect())
    }

    /// The value of the one cookie of this name; nothing when there are several, because then
    /// somebody else set one of them.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().flat_map(|line| values(line.as_bytes(), name));
        match (values.next(), values.next()) {
            (Some(value), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Cookies {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Ok(Self::of(&parts.headers))
    }
}

/// The values of all cookies called `name` in one `Cookie` header.
pub(crate) fn values<'a, 'n>(
    line: &'a [u8],
    name: &'n str,
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    line.split(|b| *b == b';').filter_map(move |pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        Some(rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn cookies_on_https_have_the_host_prefix_and_are_secure() {
        let token = PlainToken::new("abc".to_owned());
        let line = CookieNames::new(true).set_session(&token, None).unwrap();
        assert_eq!(line, "__Host-tollgate=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(line.is_sensitive());
        let line = CookieNames::new(false).clear_session().unwrap();
        assert_eq!(line, "tollgate=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn f17_a_value_cannot_add_attributes_or_headers() {
        for value in ["a; Domain=evil", "a\r\nX: y", "a,b", "\"a\"", "ä"] {
            assert!(CookieNames::new(true).set("n", value, None).is_err(), "{value:?}");
        }
    }

    #[test]
    fn cookies_are_read_one_by_one() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; tollgate=x ;b=2".parse().unwrap());
        headers.append(COOKIE, "tollgate-pre=y".parse().unwrap());
        let cookies = Cookies::of(&headers);
        assert_eq!(cookies.one("tollgate"), Some("x"));
        assert_eq!(cookies.one("tollgate-pre"), Some("y"));
        assert_eq!(cookies.one("toll"), None);
        headers.append(COOKIE, "tollgate=z".parse().unwrap());
        assert_eq!(Cookies::of(&headers).one("tollgate"), None);
    }
}
