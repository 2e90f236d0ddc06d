//! Headers from outside that could be mistaken for ours. They are gone before a handler looks.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_kernel::Error;

/// The header that carries the CSRF token of an API call made with a session cookie.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("x-tollgate-csrf");

/// The header in which an app names the person whom a model call is for.
const USER: HeaderName = HeaderName::from_static("tollgate-user");

/// Names that say who somebody is or where a request comes from, `_` written as `-`.
const NAMES: [&str; 22] = [
    "forwarded",
    "remote-user",
    "remote-name",
    "remote-email",
    "remote-groups",
    "remote-addr",
    "x-user",
    "x-username",
    "x-email",
    "x-groups",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "true-client-ip",
    "cf-connecting-ip",
    "client-ip",
    "x-authenticated-user",
    "x-webauth-user",
    "x-original-url",
    "x-rewrite-url",
    "x-original-forwarded-for",
];

/// Families of such names.
const FAMILIES: [&str; 9] = [
    "tollgate-",
    "x-tollgate-",
    "x-user-",
    "x-auth-request-",
    "x-forwarded-",
    "x-remote-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "x-amzn-oidc-",
];

/// How all of those begin, families and names.
const STARTS: [&str; 7] = ["x-", "tollgate", "forwarded", "remote", "true-client", "cf-", "client"];

/// What a `Connection` header may not name: a hop on the way would delete it (H3).
const GUARDED: [&str; 8] = [
    "authorization",
    "cookie",
    "host",
    "origin",
    "content-length",
    "api-key",
    "x-api-key",
    "sec-fetch-site",
];

/// What requests say in headers that nobody behind us gets.
#[derive(Default)]
pub(crate) struct Said {
    /// The token of `X-Tollgate-CSRF`.
    pub(crate) csrf: Option<String>,
    /// The values of `Tollgate-User`.
    pub(crate) users: Vec<HeaderValue>,
}

/// Takes out what is said to us alone, refuses what is ambiguous and drops what only we may say.
pub(crate) fn clean(headers: &mut HeaderMap, path: &str) -> Result<Said, Error> {
    // One look at each name: most requests have nothing here to act on.
    let (mut underscored, mut foreign) = (false, Vec::new());
    for name in headers.keys() {
        underscored |= name.as_str().contains('_');
        if is_identity(name.as_str()) {
            foreign.push(name.clone());
        }
    }
    if underscored && at_the_gate(path) {
        return Err(Error::invalid(
            "Header names with an underscore are not taken here: other software reads them as if \
             they had a hyphen. Send them with hyphens.",
        ));
    }
    if connection_names_a_guarded_header(headers) {
        return Err(Error::invalid(
            "The Connection header names a header that must not be removed on the way.",
        )
        .with_param("Connection"));
    }
    let csrf = headers.get(CSRF).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut said = Said { csrf, users: Vec::new() };
    for name in foreign {
        if name == USER {
            said.users.extend(headers.get_all(&name).iter().cloned());
        }
        headers.remove(name);
    }
    Ok(said)
}

/// Paths whose requests are forwarded to others.
fn at_the_gate(path: &str) -> bool {
    ["/v1/", "/tools/", "/connections/"].iter().any(|prefix| path.starts_with(prefix))
}

fn connection_names_a_guarded_header(headers: &HeaderMap) -> bool {
    headers.get_all(http::header::CONNECTION).iter().any(|line| {
        line.as_bytes().split(|b| *b == b',').any(|name| {
            let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
            GUARDED.contains(&name.as_str()) || is_identity(&name)
        })
    })
}

/// Whether a lower-case name belongs to the identity set, however its hyphens are written.
fn is_identity(name: &str) -> bool {
    if name.contains('_') {
        return is_identity_hyphened(&name.replace('_', "-"));
    }
    is_identity_hyphened(name)
}

fn is_identity_hyphened(name: &str) -> bool {
    // Most headers are done here.
    STARTS.iter().any(|start| name.starts_with(start))
        && (NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    /// The 40 names of H1.
    pub(crate) const H1: [&str; 40] = [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Uri",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username",
        "X-Forwarded-Access-Token",
        "Forwarded",
        "X-Real-IP",
        "X-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Cluster-Client-IP",
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Access-Token",
        "X-User",
        "X-User-Id",
        "X-User-Email",
        "X-User-Name",
        "X-User-Roles",
        "X-Remote-User",
        "X-Remote-Group",
        "Remote-User",
        "Remote-Name",
        "Remote-Email",
        "Remote-Groups",
        "X-Tollgate-User",
        "X-Tollgate-Identity",
        "X-Tollgate-Client",
        "X-Tollgate-Scopes",
        "Tollgate-Identity",
        "Tollgate-User",
        "X-Webauth-User",
        "X-Authenticated-User",
    ];

    #[test]
    fn t68_every_spelling_of_an_identity_header_is_known() {
        for name in H1 {
            let lower = name.to_ascii_lowercase();
            assert!(is_identity(&lower), "{name}");
            assert!(is_identity(&lower.replace('-', "_")), "{name} with underscores");
        }
        assert!(NAMES.iter().all(|name| is_identity(name)));
        assert!(FAMILIES.iter().all(|family| is_identity(&format!("{family}z"))));
        let ours = ["accept", "authorization", "x-stainless-lang", "openai-beta", "content-type"];
        assert!(ours.iter().all(|name| !is_identity(name)));
    }

    #[test]
    fn h2_names_with_an_underscore_are_refused_at_the_gate() {
        let mut headers = HeaderMap::new();
        headers.insert("x_anything", "1".parse().unwrap());
        assert!(clean(&mut headers.clone(), "/v1/chat/completions").is_err());
        assert!(clean(&mut headers.clone(), "/tools/todo/x").is_err());
        assert!(clean(&mut headers, "/account").is_ok());
    }

    #[test]
    fn h3_a_connection_header_cannot_have_ours_removed() {
        for named in ["x-tollgate-user", "Authorization", "close, COOKIE", "tollgate_identity"] {
            let mut headers = HeaderMap::new();
            headers.insert("connection", named.parse().unwrap());
            assert!(clean(&mut headers, "/").is_err(), "{named}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("connection", "keep-alive, TE".parse().unwrap());
        assert!(clean(&mut headers, "/v1/models").is_ok());
    }

    #[test]
    fn the_csrf_token_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.insert(CSRF, "abc".parse().unwrap());
        assert_eq!(clean(&mut headers, "/api/v1/keys").unwrap().csrf.as_deref(), Some("abc"));
        assert!(headers.is_empty());
    }
}
