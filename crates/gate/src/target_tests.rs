//! Where plain calls go, and where they do not.

use bytes::Bytes;
use tollgate_kernel::RequestId;

use super::*;

fn target(url: &str) -> Target {
    Target::new("The tool todo".to_owned(), url, None, Patience::default()).unwrap()
}

fn asked(method: Method, path: &str) -> PlainRequest {
    PlainRequest {
        id: RequestId::from_uuid(uuid::Uuid::from_u128(1)),
        method,
        path_and_query: path.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

#[test]
fn t69_no_spelling_of_a_path_leads_out() {
    let target = target("http://127.0.0.1:9000/public");
    for bad in [
        "/..",
        "/../admin",
        "/a/../../admin",
        "/%2e%2e/admin",
        "/%2E%2e/admin",
        "/..%2fadmin",
        "/%252e%252e/admin",
        "/..;/admin",
        "/.;x/admin",
        "/a/.%2e\\admin",
        "/./admin",
        "/a/%2e",
        "/..%5cadmin",
        "/%2e%2e%5cadmin",
        "/a\\b",
        "/a%5cb",
        "/a%00",
        "/a%2f..%2f..",
    ] {
        let kind = target.check(&asked(Method::GET, bad)).map_err(|error| error.kind());
        assert_eq!(kind, Err(Kind::InvalidRequest), "{bad}");
    }
    for good in
        ["/", "/todos", "/todos/1?done=../no\\", "/a..b/.c/...", "/.well-known/x", "/a%2fb", "//a"]
    {
        assert!(target.check(&asked(Method::GET, good)).is_ok(), "{good}");
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let kind = target.check(&asked(method, "/")).map_err(|error| error.kind());
        assert_eq!(kind, Err(Kind::MethodNotAllowed));
    }
    let mut large = asked(Method::POST, "/");
    large.body = vec![0; crate::PLAIN_BODY_MAX + 1].into();
    assert_eq!(target.check(&large).map_err(|error| error.kind()), Err(Kind::TooLarge));
}

#[test]
fn h1_ours_stand_in_the_place_of_any_other() {
    let secret = Injected::Header(HeaderName::from_static("x-api-key"), Secret::new("s".into()));
    let url = "https://api.example.com:8443/v2/";
    let title = "The tool todo".to_owned();
    let target = Target::new(title, url, Some(&secret), Patience::default()).unwrap();
    let mut request = asked(Method::POST, "/todos?done=1");
    for value in ["theirs", "theirs too"] {
        request.headers.append("x-api-key", HeaderValue::from_static(value));
        request.headers.append("tollgate-identity", HeaderValue::from_static(value));
        request.headers.append("host", HeaderValue::from_static(value));
    }
    let mut added = HeaderMap::new();
    added.insert("tollgate-identity", HeaderValue::from_static("ours"));
    let sent = target.request(&request, added).unwrap();
    assert_eq!(sent.origin.to_string(), "https://api.example.com:8443/");
    assert_eq!(sent.request.uri(), "/v2/todos?done=1");
    let mut lines: Vec<(&str, &str)> = Vec::new();
    for (name, value) in sent.request.headers() {
        lines.push((name.as_str(), value.to_str().unwrap()));
    }
    lines.sort_unstable();
    let expected = [
        ("accept-encoding", "identity"),
        ("host", "api.example.com:8443"),
        ("tollgate-identity", "ours"),
        ("x-api-key", "s"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn k6_parts_of_an_answer_are_not_asked_for_where_a_secret_of_ours_may_be_cut() {
    let secret = Injected::Basic(Secret::new("us:secret-of-ours".into()));
    let url = "http://127.0.0.1:9000";
    let guarded = Target::new(String::new(), url, Some(&secret), Patience::default()).unwrap();
    let mut request = asked(Method::GET, "/echo");
    request.headers.append("range", HeaderValue::from_static("bytes=0-8"));
    request.headers.append("range", HeaderValue::from_static("bytes=9-"));
    request.headers.append("if-range", HeaderValue::from_static("\"a\""));
    for (target, passes) in [(guarded, false), (target(url), true)] {
        let sent = target.request(&request, HeaderMap::new()).unwrap().request;
        assert_eq!(sent.headers().contains_key("range"), passes);
        assert_eq!(sent.headers().contains_key("if-range"), passes);
    }
}

#[test]
fn secrets_go_in_no_header_that_frames_the_message() {
    for name in ["host", "cookie", "transfer-encoding", "via", "accept", "tollgate-identity"] {
        let name = HeaderName::from_static(name);
        let secret = Injected::Header(name, Secret::new("s".into()));
        let made = Target::new(String::new(), "http://x", Some(&secret), Patience::default());
        assert_eq!(made.err().map(|error| error.kind()), Some(Kind::InvalidRequest));
    }
    let newline = Injected::Basic(Secret::new("user:pass".into()));
    assert!(Target::new(String::new(), "http://x", Some(&newline), Patience::default()).is_ok());
    let name = HeaderName::from_static("x-api-key");
    let split = Injected::Header(name, Secret::new("a\r\nx-admin: 1".into()));
    assert!(Target::new(String::new(), "http://x", Some(&split), Patience::default()).is_err());
}

#[test]
fn places_there_are_shown_as_places_here() {
    let target = target("http://127.0.0.1:9000/v2");
    let shown = |location: &str| target.shown_place(location, "https://todo.example.com");
    let here = Some("https://todo.example.com/todos/1".to_owned());
    assert_eq!(shown("/v2/todos/1"), here);
    assert_eq!(shown("http://127.0.0.1:9000/v2/todos/1"), here);
    for outside in ["/todos/1", "/v20/x", "http://127.0.0.1:9001/v2/x", "//evil/x", "/v2/../x"] {
        assert_eq!(shown(outside), None, "{outside}");
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    for bad in ["", "ftp://x", "/todo", "http://user@x", "http://x/?q=1", "http://"] {
        let made = Target::new(String::new(), bad, None, Patience::default());
        assert!(made.is_err(), "{bad}");
    }
}
