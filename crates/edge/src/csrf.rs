//! Requests that another site made a browser send, and where a browser may be sent on to.

use http::{HeaderMap, Method};
use tollgate_kernel::{Error, Kind, SessionId};
use url::Url;

/// Makes and checks the tokens of forms: a keyed MAC over what a form is bound to.
pub trait CsrfKeys: Send + Sync {
    /// The token of `binding`, as text without characters that HTML or headers treat specially.
    fn token(&self, binding: &str) -> String;

    /// Whether `token` is the token of `binding`; compared in constant time.
    fn matches(&self, binding: &str, token: &str) -> bool;
}

/// What the forms of a signed-in browser are bound to.
pub(crate) fn of_session(session: SessionId) -> String {
    format!("session:{session}")
}

/// What the forms of a browser that is not signed in are bound to.
pub(crate) fn of_presession(cookie: &str) -> String {
    format!("presession:{cookie}")
}

/// A form or header token that does not fit.
pub(crate) fn wrong_token() -> Error {
    Error::new(
        Kind::CrossSite,
        "This form is no longer valid. Go back, load the page again and send it once more.",
    )
}

/// Whether a method changes nothing (RFC 9110, 9.2.1).
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Refuses a request with a cookie of ours unless the browser says that our own page made it.
///
/// `Sec-Fetch-Site` decides where it is sent; an `Origin` must then be ours or, since our pages
/// send no referrer, `null` on a form. Without it the `Origin` must be there and be ours.
pub(crate) fn same_site(headers: &HeaderMap, origin: &Origins) -> Result<(), Error> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = text("host");
    let allowed = match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin" | "none"), None | Some("null")) => true,
        (Some("same-origin" | "none") | None, Some(from)) => origin.is_ours(from, host),
        _ => false,
    };
    if allowed && headers.get_all("origin").iter().count() < 2 {
        return Ok(());
    }
    Err(Error::new(
        Kind::CrossSite,
        "A session cookie counts only on requests that pages of this site make. Send an API key \
         or an access token instead, or the Origin header of this site.",
    ))
}

/// The origins that are this site.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    public: String,
    loopback: bool,
}

impl Origins {
    pub(crate) fn new(public_url: &Url) -> Self {
        Self {
            public: public_url.origin().ascii_serialization(),
            loopback: is_loopback(public_url),
        }
    }

    /// The public origin, for example `https://ai.example.com`.
    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    /// On loopback `localhost`, `127.0.0.1` and `[::1]` are one site: there the origin is ours
    /// when it is the one that the request was sent to.
    fn is_ours(&self, origin: &str, host: Option<&str>) -> bool {
        origin == self.public
            || (self.loopback
                && host.is_some_and(|h| origin.strip_prefix("http://") == Some(h) && is_local(h)))
    }
}

/// Whether the host of `url` is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a `Host` header names this machine.
pub(crate) fn is_local(host: &str) -> bool {
    // The usual spellings need no parser; every request comes by here.
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return true;
    }
    Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_loopback(&url))
}

/// Longest path that a browser is sent on to, in bytes.
const MAX_NEXT: usize = 8_192;

/// Checks where a browser asks to be sent on to after it signed in: a path of this site that
/// starts with one `/`. Anything else is nothing.
pub fn safe_next(next: &str) -> Option<&str> {
    let visible = next.bytes().all(|b| (0x21..=0x7e).contains(&b) && b != b'\\');
    let rooted = next.starts_with('/') && !next.starts_with("//");
    if !visible || !rooted || next.len() > MAX_NEXT {
        return None;
    }
    // A second opinion: what a browser would make of it must stay here.
    let base = Url::parse("https://tollgate.invalid/").ok()?;
    let there = base.join(next).ok()?;
    (there.origin() == base.origin() && !there.path().starts_with("//")).then_some(next)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn t18_only_a_path_of_this_site_is_followed() {
        for good in ["/", "/account", "/account/keys?a=b&c=%2F%2Fevil#x", "/a//b", "/@user"] {
            assert_eq!(safe_next(good), Some(good), "{good}");
        }
        let bad = [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "https://evil.example/",
            "HTTPS://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/a\\..\\..\\evil",
            "/..//evil.example",
            "/.//evil.example",
            "/\u{ff0f}evil.example",
            "/\u{0}",
            &format!("/{}", "a".repeat(MAX_NEXT)),
        ];
        for next in bad {
            assert_eq!(safe_next(next), None, "{next:?}");
        }
    }

    fn check(public: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        same_site(&map, &Origins::new(&Url::parse(public).unwrap())).is_ok()
    }

    #[test]
    fn t83_requests_of_other_sites_are_refused() {
        let ours = "https://ai.example.com";
        assert!(check(ours, &[("origin", ours)]));
        assert!(check(ours, &[("sec-fetch-site", "same-origin")]));
        assert!(check(ours, &[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(check(ours, &[("sec-fetch-site", "same-origin"), ("origin", ours)]));
        let bad: [&[(&str, &str)]; 10] = [
            &[],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://ai.example.com.evil.example")],
            &[("origin", "http://ai.example.com")],
            &[("origin", "https://ai.example.com:8443")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", ours)],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[("origin", ours), ("origin", "https://evil.example")],
        ];
        for headers in bad {
            assert!(!check(ours, headers), "{headers:?}");
        }
    }

    #[test]
    fn on_loopback_all_names_of_this_machine_are_one_site() {
        let ours = "http://localhost:8787";
        let from = |origin, host| check(ours, &[("origin", origin), ("host", host)]);
        assert!(from("http://127.0.0.1:8787", "127.0.0.1:8787"));
        assert!(from("http://[::1]:8787", "[::1]:8787"));
        assert!(!from("http://localhost:3000", "localhost:8787"));
        assert!(!from("http://evil.example:8787", "evil.example:8787"));
        assert!(!check(
            "https://ai.example.com",
            &[("origin", "http://127.0.0.1"), ("host", "127.0.0.1")]
        ));
    }
}
