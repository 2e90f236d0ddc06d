//! Collecting what a request presents to say who it is. Nothing is judged here.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_gate::Presented;
use tollgate_kernel::PlainToken;

use crate::cookies::{self, CookieNames};

/// Headers other than `Authorization` that carry a key: Azure's SDKs send the first.
const KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("api-key"), HeaderName::from_static("x-api-key")];

/// The credentials of a request, and how many of each sort there are.
pub(crate) struct Collected {
    pub(crate) presented: Presented,
    /// Session cookies of ours.
    pub(crate) sessions: usize,
    /// Everything else: keys, tokens, headers that are neither.
    pub(crate) others: usize,
}

impl Collected {
    /// Whether a session cookie is all that there is: then the browser must vouch for the page
    /// that made the request.
    pub(crate) fn only_session(&self) -> bool {
        self.sessions > 0 && self.others == 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.presented.is_empty()
    }

    fn authorization(&mut self, value: &HeaderValue) {
        self.others += 1;
        match bearer(value.as_bytes()) {
            Some(token) => self.presented.bearer(PlainToken::new(token.to_owned())),
            None => self.presented.malformed(),
        }
    }

    fn key(&mut self, value: &HeaderValue) {
        self.others += 1;
        match value.to_str() {
            Ok(key) if !key.trim().is_empty() => {
                self.presented.bearer(PlainToken::new(key.trim().to_owned()));
            }
            _ => self.presented.malformed(),
        }
    }

    fn cookies(&mut self, line: &HeaderValue, names: CookieNames) {
        for value in cookies::values(line.as_bytes(), names.session()) {
            self.sessions += 1;
            // Bytes that are no text stay a credential, one that matches nothing: a cookie that
            // cannot be read must not count as none (T70).
            let token = String::from_utf8_lossy(value).into_owned();
            self.presented.session(PlainToken::new(token));
        }
    }
}

/// Collects the credentials among `headers`, and the peer of the socket in the data folder.
pub(crate) fn collect(headers: &HeaderMap, names: CookieNames, uid: Option<u32>) -> Collected {
    let mut found = Collected { presented: Presented::new(), sessions: 0, others: 0 };
    // One look at each header is less than a search for each name.
    for (name, value) in headers {
        if *name == AUTHORIZATION {
            found.authorization(value);
        } else if KEY_HEADERS.contains(name) {
            found.key(value);
        } else if *name == COOKIE {
            found.cookies(value, names);
        }
    }
    if let Some(uid) = uid {
        found.presented.socket(uid);
    }
    found
}

/// Removes what was collected, so that nothing after this can leak it. What is no credential of
/// ours stays: OAuth clients authenticate by Basic at routes of their own.
pub(crate) fn remove(headers: &mut HeaderMap, names: CookieNames) {
    let (mut with_bearer, mut with_key, mut with_session) = (false, false, false);
    for (name, value) in headers.iter() {
        if *name == AUTHORIZATION {
            with_bearer |= bearer(value.as_bytes()).is_some();
        } else if KEY_HEADERS.contains(name) {
            with_key = true;
        } else if *name == COOKIE {
            let mut sessions = cookies::values(value.as_bytes(), names.session());
            with_session |= sessions.next().is_some();
        }
    }
    if with_bearer {
        headers.remove(AUTHORIZATION);
    }
    if with_key {
        KEY_HEADERS.iter().for_each(|name| drop(headers.remove(name)));
    }
    if with_session {
        without_session(headers, names);
    }
}

fn without_session(headers: &mut HeaderMap, names: CookieNames) {
    let session = format!("{}=", names.session());
    let kept: Vec<Vec<u8>> = headers
        .get_all(COOKIE)
        .iter()
        .map(|line| {
            let pairs = line.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
            let others: Vec<&[u8]> =
                pairs.filter(|pair| !pair.starts_with(session.as_bytes())).collect();
            others.join(&b"; "[..])
        })
        .collect();
    headers.remove(COOKIE);
    for line in kept.into_iter().filter(|line| !line.is_empty()) {
        if let Ok(value) = http::HeaderValue::from_bytes(&line) {
            headers.append(COOKIE, value);
        }
    }
}

/// The token of `Bearer token`, whatever the case of the scheme (RFC 6750, 2.1).
fn bearer(value: &[u8]) -> Option<&str> {
    let (scheme, token) = value.trim_ascii().split_at_checked(b"bearer".len())?;
    if !scheme.eq_ignore_ascii_case(b"bearer") || token.first() != Some(&b' ') {
        return None;
    }
    let token = token.trim_ascii_start();
    // A fold, not `all`: without an early exit the compiler makes it wide.
    let one = !token.is_empty() && token.iter().fold(true, |one, b| one & b.is_ascii_graphic());
    if one { std::str::from_utf8(token).ok() } else { None }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    fn counts(list: &[(&'static str, &[u8])]) -> (usize, usize) {
        let found = collect(&headers(list), CookieNames::new(false), None);
        (found.sessions, found.others)
    }

    #[test]
    fn every_place_of_a_credential_is_looked_at() {
        assert_eq!(counts(&[]), (0, 0));
        assert_eq!(counts(&[("authorization", b"Bearer a")]), (0, 1));
        assert_eq!(counts(&[("api-key", b"a"), ("x-api-key", b"b")]), (0, 2));
        assert_eq!(counts(&[("authorization", b"Bearer a"), ("authorization", b"x")]), (0, 2));
        assert_eq!(counts(&[("cookie", b"tollgate=a; tollgate=b")]), (2, 0));
        assert_eq!(counts(&[("cookie", b"tollgate=a"), ("authorization", b"Bearer a")]), (1, 1));
        assert_eq!(counts(&[("cookie", b"other=a; tollgate-pre=b")]), (0, 0));
    }

    #[test]
    fn t70_a_malformed_cookie_is_a_credential_and_not_none() {
        let bad: [&[u8]; 4] = [b"tollgate=\xff\xfe", b"tollgate=", b"tollgate=%00", b"tollgate =x"];
        for cookie in bad {
            let found = collect(&headers(&[("cookie", cookie)]), CookieNames::new(false), None);
            assert!(!found.is_empty() && found.only_session(), "{cookie:?}");
        }
    }

    #[test]
    fn only_bearer_tokens_are_ours() {
        assert_eq!(bearer(b"Bearer abc"), Some("abc"));
        assert_eq!(bearer(b" bEARER  abc "), Some("abc"));
        let bad = ["", "Bearer", "Bearer ", "Bearer a b", "Basic abc", "abc", "Bearer\tabc"];
        for bad in bad.into_iter().chain(["Bearer a\u{e9}", "Bearerabc", "Bearers abc"]) {
            assert_eq!(bearer(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn what_was_collected_is_gone() {
        let mut map = headers(&[
            ("authorization", b"Bearer a"),
            ("x-api-key", b"b"),
            ("cookie", b"tollgate=x; tollgate-lang=ja"),
            ("accept", b"*/*"),
        ]);
        remove(&mut map, CookieNames::new(false));
        assert_eq!(map, headers(&[("cookie", b"tollgate-lang=ja"), ("accept", b"*/*")]));
        let mut basic = headers(&[("authorization", b"Basic abc")]);
        remove(&mut basic, CookieNames::new(false));
        assert_eq!(basic.len(), 1);
    }
}
