//! Which headers of a caller go on.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

/// Names by which others say who somebody is, or ours.
const IDENTITIES: [&str; 40] = [
    "tollgate-identity",
    "tollgate-user",
    "tollgate-subject",
    "x-tollgate-identity",
    "x-tollgate-user",
    "x-tollgate-scope",
    "x-tollgate-csrf",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-access-token",
    "x-user",
    "x-user-id",
    "x-user-email",
    "x-user-roles",
    "remote-user",
    "x-remote-user",
    "x-webauth-user",
    "x-authenticated-user",
    "x-request-id",
    "x-original-url",
];

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn passed(pairs: &[(&str, &str)]) -> Option<Vec<String>> {
    let passed = plain_headers(&headers(pairs)).ok()?;
    Some(passed.keys().map(|name| name.as_str().to_owned()).collect())
}

#[test]
fn h1_h2_t68_identity_headers_are_dropped_in_every_spelling() {
    for name in IDENTITIES {
        let underscored = name.replace('-', "_");
        let upper = name.to_ascii_uppercase();
        let last = name.rsplit_once('-').map_or(name.to_owned(), |(a, b)| format!("{a}_{b}"));
        let first = name.replacen('-', "_", 1);
        for form in [name, &underscored, &upper, &last, &first] {
            assert_eq!(passed(&[(form, "mallory")]), Some(vec![]), "{form}");
            assert_eq!(passed(&[(form, "a"), (form, "b")]), Some(vec![]), "{form} twice");
        }
    }
}

#[test]
fn h3_a_hop_is_not_told_to_remove_who_somebody_is() {
    for listed in ["tollgate-identity", "X-Tollgate_User", "close, authorization", "x-user-id"] {
        assert_eq!(passed(&[("connection", listed)]), None, "{listed}");
    }
    assert_eq!(passed(&[("connection", "keep-alive"), ("connection", "Cookie")]), None);
    assert_eq!(passed(&[("connection", "close, te")]), Some(vec![]));
}

#[test]
fn h4_g4_credentials_of_the_caller_stay_here() {
    let credentials = [
        ("authorization", "Bearer tg_user_x"),
        ("proxy-authorization", "Basic eDp5"),
        ("cookie", "session=1"),
        ("x-api-key", "k"),
        ("api-key", "k"),
        ("openai-organization", "o"),
        ("openai-project", "p"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("content-length", "5"),
        ("host", "internal"),
        ("expect", "100-continue"),
        ("accept-encoding", "gzip"),
    ];
    assert_eq!(passed(&credentials), Some(vec![]));
}

#[test]
fn what_an_api_needs_to_know_goes_on() {
    let asked = [("Accept", "application/json"), ("content-type", "application/json")];
    assert_eq!(passed(&asked), Some(vec!["accept".to_owned(), "content-type".to_owned()]));
    let host = [("openai-conversation-id", "c"), ("if-none-match", "\"1\"")];
    let both = Some(vec!["if-none-match".to_owned(), "openai-conversation-id".to_owned()]);
    assert_eq!(passed(&host), both);
}

#[test]
fn h5_accounts_and_cookies_of_the_upstream_stay_there() {
    let answer = headers(&[
        ("set-cookie", "a=b"),
        ("www-authenticate", "Basic"),
        ("openai-organization", "o"),
        ("x-ratelimit-remaining-requests", "1"),
        ("server", "nginx"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("access-control-allow-origin", "*"),
        ("location", "http://internal/"),
        ("tollgate-identity", "x"),
        ("x-internal", "a secret of ours"),
        ("etag", "a secret of ours"),
        ("content-type", "application/json"),
        ("x-request-id", "theirs"),
    ]);
    let passed = answer_headers(&answer, |value| value.ends_with(b"ours"), false);
    let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "x-content-type-options", "x-upstream-request-id"]);
}

#[test]
fn g10_what_is_somebodys_is_for_no_shared_cache() {
    let said = |value: &str, private| {
        let passed = answer_headers(&headers(&[("cache-control", value)]), |_| false, private);
        passed.get("cache-control").and_then(|it| it.to_str().ok()).map(str::to_owned)
    };
    for loose in ["public, max-age=60", "s-maxage=5", "max-age=60", "x-private"] {
        assert_eq!(said(loose, true).as_deref(), Some("private, no-cache"), "{loose}");
        assert_eq!(said(loose, false).as_deref(), Some(loose));
    }
    for strict in ["private, max-age=60", "No-Store"] {
        assert_eq!(said(strict, true).as_deref(), Some(strict));
    }
    let silent = answer_headers(&HeaderMap::new(), |_| false, true);
    assert_eq!(
        silent.get("cache-control").map(HeaderValue::as_bytes),
        Some(&b"private, no-cache"[..])
    );
}
