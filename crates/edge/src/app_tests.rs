//! Requests through the whole router. The fakes refuse every credential: what a principal may do
//! is in the whole-server tests.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use serde::Deserialize;
use tollgate_kernel::{Access, Error, Kind, Manage, Noun};

use crate::reply::{self, Reply};
use crate::testing::{ORIGIN, app, app_with, edge, header, request, rows, text};
use crate::{
    App, Body as Json, Exchange, Fault, Hosts, Peer, Query, Row, Visit, bind, inventory,
    loose_schemas, openapi,
};

const SESSION: (&str, &str) = ("cookie", "__Host-tollgate=abc");

async fn status(method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    app().handle(request(method, path, headers)).await.status().as_u16()
}

#[tokio::test]
async fn unknown_routes_are_refused_in_the_dialect_of_their_path() {
    let cases = [
        ("/v1/files", 404, "application/json", "\"route_not_allowed\""),
        ("/v1", 404, "application/json", "\"route_not_allowed\""),
        ("/api/v1/nothing", 404, "application/problem+json", "\"not_found\""),
        ("/nothing", 404, "text/html; charset=utf-8", "id=\"error-page\""),
    ];
    for (path, status, content_type, part) in cases {
        let response = app().handle(request("GET", path, &[])).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(header(&response, "content-type"), content_type, "{path}");
        let body = text(response).await;
        assert!(body.contains(part), "{path}: {body}");
    }
}

#[tokio::test]
async fn wrong_methods_say_which_are_offered() {
    for path in ["/v1/models", "/api/v1/keys", "/account/keys"] {
        let response = app().handle(request("PATCH", path, &[])).await;
        assert_eq!(response.status(), 405, "{path}");
        assert!(header(&response, "allow").contains("GET"), "{path}");
        assert_eq!(header(&response, "x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let whole = app().handle(request("GET", "/echo", &[])).await;
    let head = app().handle(request("HEAD", "/echo", &[])).await;
    assert_eq!(head.status(), whole.status());
    assert_eq!(header(&head, "content-length"), text(whole).await.len().to_string());
    assert_eq!(text(head).await, "");
    assert_eq!(status("HEAD", "/nothing", &[]).await, 404);
}

#[tokio::test]
async fn parts_of_a_path_are_decoded_and_what_is_no_text_is_404() {
    async fn echo(crate::Path(name): crate::Path<String>) -> Reply {
        Ok(reply::typed("text/plain", name))
    }
    async fn two(crate::Path((a, b)): crate::Path<(String, String)>) -> Reply {
        Ok(reply::typed("text/plain", format!("{a}+{b}")))
    }
    let rows = || {
        vec![
            open("/api/one/{name}", |p| Row::get(p, Access::Public, "Echoes", echo)),
            open("/api/all/{*name}", |p| Row::get(p, Access::Public, "Echoes", echo)),
            open("/api/two/{a}/x/{b}", |p| Row::get(p, Access::Public, "Echoes", two)),
        ]
    };
    let cases = [
        ("/api/one/a%2Fb%20c", 200, "a/b c"),
        ("/api/all/ft:gpt/a", 200, "ft:gpt/a"),
        ("/api/two/1/x/2", 200, "1+2"),
        ("/api/one/%FF", 404, ""),
    ];
    for (path, status, said) in cases {
        let response = app_with(rows()).handle(request("GET", path, &[])).await;
        assert_eq!(response.status(), status, "{path}");
        if status == 200 {
            assert_eq!(text(response).await, said, "{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_a_request_id_of_ours() {
    let theirs = [("x-request-id", "theirs")];
    for (path, page) in [("/echo", false), ("/nothing", true), ("/v1/files", false)] {
        let response = app().handle(request("GET", path, &theirs)).await;
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "cross-origin-opener-policy"), "same-origin");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert!(header(&response, "strict-transport-security").starts_with("max-age=31536000"));
        assert_eq!(header(&response, "x-request-id").len(), 36);
        let csp = header(&response, "content-security-policy");
        assert_eq!(csp.contains("default-src 'none'"), page, "{path}");
        assert!(!csp.contains("unsafe"));
    }
    let (edge, _) = edge("http://localhost:8787", Kind::Unauthenticated, Hosts::Any);
    let app = App::build(rows(), edge).expect("rows");
    let response = app.handle(request("GET", "/echo", &[])).await;
    assert_eq!(header(&response, "strict-transport-security"), "");
}

#[tokio::test]
async fn t70_a_malformed_cookie_is_401_and_never_an_anonymous_answer() {
    for path in ["/v1/models", "/api/v1/keys"] {
        for value in [&b"__Host-tollgate=\xff\xfe"[..], b"__Host-tollgate=", b"__Host-tollgate=%"] {
            let mut request = request("GET", path, &[("sec-fetch-site", "same-origin")]);
            let value = http::HeaderValue::from_bytes(value).expect("a value");
            request.headers_mut().insert("cookie", value);
            assert_eq!(app().handle(request).await.status(), 401, "{path}");
        }
    }
}

#[tokio::test]
async fn t83_a_session_cookie_counts_only_on_requests_of_our_own_pages() {
    type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16);
    let cases: [Case; 11] = [
        // Refused before anybody looks at the cookie: 403. Let through to the gate: 401.
        ("POST", "/v1/chat/completions", &[], 403),
        ("POST", "/v1/chat/completions", &[("origin", ORIGIN)], 401),
        ("POST", "/v1/chat/completions", &[("origin", "null")], 403),
        ("POST", "/v1/chat/completions", &[("origin", "https://evil.example")], 403),
        ("GET", "/v1/models", &[], 403),
        ("GET", "/v1/models", &[("sec-fetch-site", "same-origin")], 401),
        ("GET", "/v1/models", &[("sec-fetch-site", "cross-site")], 403),
        ("GET", "/api/v1/keys", &[("sec-fetch-site", "cross-site")], 401),
        ("POST", "/api/v1/keys", &[("sec-fetch-site", "same-site")], 403),
        ("POST", "/account/keys", &[("origin", "null")], 403),
        ("POST", "/account/keys", &[("sec-fetch-site", "same-origin"), ("origin", "null")], 303),
    ];
    for (method, path, headers, expected) in cases {
        let headers = [headers, &[SESSION]].concat();
        assert_eq!(status(method, path, &headers).await, expected, "{method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn t83_no_origin_is_ever_allowed_by_cors() {
    for origin in ["https://evil.example", "null", ORIGIN] {
        for (method, path) in [("OPTIONS", "/v1/models"), ("GET", "/v1/echo"), ("GET", "/nothing")]
        {
            let asked = [("origin", origin), ("access-control-request-method", "POST")];
            let response = app().handle(request(method, path, &asked)).await;
            let named = |name: &http::HeaderName| name.as_str().starts_with("access-control-");
            assert!(!response.headers().keys().any(named), "{method} {path} {origin}");
        }
    }
}

#[tokio::test]
async fn a_fault_of_ours_is_never_a_401() {
    for kind in [Kind::Unavailable, Kind::Internal] {
        let (edge, _) = edge(ORIGIN, kind, Hosts::Any);
        let app = App::build(rows(), edge).expect("rows");
        for path in ["/v1/models", "/api/v1/keys", "/account/keys"] {
            let bearer = [("authorization", "Bearer abc")];
            let response = app.handle(request("GET", path, &bearer)).await;
            assert!(response.status().is_server_error(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_browser_whose_session_is_over_is_sent_to_sign_in_and_back() {
    let response = app().handle(request("GET", "/account/keys?a=b&c=1", &[SESSION])).await;
    assert_eq!(response.status(), 303);
    assert_eq!(header(&response, "location"), "/login?next=%2Faccount%2Fkeys%3Fa%3Db%26c%3D1");
    assert!(header(&response, "set-cookie").starts_with("__Host-tollgate=; "));
    // An API answers instead.
    assert_eq!(status("GET", "/api/v1/keys", &[SESSION]).await, 401);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let headers = [("content-length", "70000"), ("authorization", "Bearer abc")];
    let response = app().handle(request("POST", "/api/v1/keys", &headers)).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn t73_on_loopback_only_names_of_this_machine_are_answered() {
    let (edge, _) = edge("http://localhost:8787", Kind::Unauthenticated, Hosts::Local);
    let app = App::build(rows(), edge).expect("rows");
    let hosts = [
        ("localhost:8787", 200),
        ("127.0.0.1:8787", 200),
        ("[::1]:8787", 200),
        ("todo.localhost:8787", 200),
        ("evil.example:8787", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("", 403),
    ];
    for (host, expected) in hosts {
        let response = app.handle(request("GET", "/echo", &[("host", host)])).await;
        assert_eq!(response.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn t68_identity_headers_do_not_reach_a_handler() {
    for name in crate::headers::tests::H1 {
        for name in [name.to_owned(), name.replace('-', "_")] {
            let headers = [(name.as_str(), "leak-canary"), (name.as_str(), "leak-canary-2")];
            let response = app().handle(request("GET", "/echo", &headers)).await;
            assert_eq!(response.status(), 200, "{name}");
            assert!(!text(response).await.contains("leak-canary"), "{name}");
        }
    }
}

async fn panics() -> Reply {
    std::panic::resume_unwind(Box::new("a secret"))
}

async fn fails() -> Reply {
    Err(Error::internal("the cause").into())
}

async fn leaves(exchange: Exchange) -> Reply {
    exchange.note().set("model", "gpt-4o");
    futures_util::future::pending().await
}

fn open(path: &'static str, row: fn(&'static str) -> Row) -> Row {
    row(path).ignores_credentials()
}

#[tokio::test]
async fn a_panic_is_one_requests_error() {
    let rows = vec![open("/api/p", |p| Row::get(p, Access::Public, "Panics", panics))];
    let response = app_with(rows).handle(request("GET", "/api/p", &[])).await;
    assert_eq!(response.status(), 500);
    assert!(!text(response).await.contains("secret"));
}

#[tokio::test]
async fn each_request_has_one_line_with_the_template_and_not_the_path() {
    let rows = vec![
        open("/api/{id}", |p| Row::get(p, Access::Public, "Fails", fails)),
        open("/v1/slow", |p| Row::get(p, Access::Public, "Hangs", leaves)),
    ];
    let (edge, paper) = edge(ORIGIN, Kind::Unauthenticated, Hosts::Any);
    let app = App::build(rows, Arc::clone(&edge)).expect("rows");
    let response = app.handle(request("GET", "/api/secret-in-path?q=secret", &[])).await;
    let id = header(&response, "x-request-id").to_owned();
    text(response).await;
    // The second caller leaves before there is an answer.
    let mut leaving = Box::pin(app.handle(request("GET", "/v1/slow", &[])));
    assert!(futures_util::poll!(leaving.as_mut()).is_pending());
    drop(leaving);
    edge.log.close();
    let log = paper.text();
    assert!(!log.contains("secret"), "{log}");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!(lines[0]["request_id"], id);
    assert_eq!(lines[0]["route"], "/api/{id}");
    assert_eq!(lines[0]["cause"], "the cause");
    assert_eq!(lines[0]["status"], 500);
    assert_eq!(lines[0]["network"], "9.9.9.9");
    assert_eq!(lines[0]["ended"], "complete");
    assert_eq!(lines[1]["ended"], "client_gone");
    assert_eq!(lines[1]["status"], serde_json::Value::Null);
    assert_eq!(lines[1]["model"], "gpt-4o");
}

#[tokio::test]
async fn a_stream_is_logged_when_it_ends() {
    async fn streams() -> Reply {
        let pieces = ["a", "b"].map(Ok::<_, std::convert::Infallible>);
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        Ok(reply::typed("text/event-stream", body))
    }
    async fn breaks() -> Reply {
        let pieces = [Ok("a"), Err(std::io::Error::other("broken"))];
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        Ok(reply::typed("text/event-stream", body))
    }
    let rows = vec![
        open("/v1/streams", |p| Row::get(p, Access::Public, "Streams", streams)),
        open("/v1/breaks", |p| Row::get(p, Access::Public, "Breaks", breaks)),
    ];
    let (edge, paper) = edge(ORIGIN, Kind::Unauthenticated, Hosts::Any);
    let app = App::build(rows, Arc::clone(&edge)).expect("rows");
    let response = app.handle(request("GET", "/v1/streams", &[])).await;
    edge.log.flush();
    assert_eq!(paper.text(), "");
    text(response).await;
    let broken = app.handle(request("GET", "/v1/breaks", &[])).await;
    assert!(http_body_util::BodyExt::collect(broken.into_body()).await.is_err());
    drop(app.handle(request("GET", "/v1/streams", &[])).await);
    edge.log.close();
    let ended: Vec<String> = paper
        .text()
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", line["ended"].as_str().expect("text"), line["bytes_out"])
        })
        .collect();
    assert_eq!(ended, ["complete 2", "cut 1", "client_gone 0"]);
}

#[tokio::test]
async fn two_rows_for_one_route_are_an_error() {
    let (edge, _) = edge(ORIGIN, Kind::Unauthenticated, Hosts::Any);
    assert!(App::build([rows(), rows()].into_iter().flatten().collect(), edge).is_err());
}

#[derive(Template)]
#[template(source = "<p>Signed out</p>", ext = "html")]
struct Hello;

use askama::Template;

async fn page(visit: Visit) -> Reply {
    visit.show("Hello <b>", &Hello)
}

#[tokio::test]
async fn a_page_stands_in_the_shell_and_starts_a_presession() {
    let rows = || vec![open("/hello", |p| Row::get(p, Access::Public, "Hello", page))];
    let headers = [("accept-language", "ja"), ("cookie", "__Host-tollgate-theme=dark")];
    let response = app_with(rows()).handle(request("GET", "/hello?x=1", &headers)).await;
    let cookie = header(&response, "set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-tollgate-pre="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).expect("a value").to_owned();
    assert_eq!(value.len(), 32);
    let html = text(response).await;
    assert!(html.contains("<html lang=\"ja\" data-theme=\"dark\">"), "{html}");
    assert!(html.contains("<p>Signed out</p>"));
    assert!(html.contains("<title>Hello &#60;b&#62; · Tollgate</title>"), "{html}");
    let token: String = format!("presession:{value}").chars().rev().collect();
    assert!(html.contains(&format!("name=\"csrf\" value=\"{token}\"")), "{html}");
    assert!(html.contains("name=\"next\" value=\"/hello?x=1\""), "{html}");
    // Who has the cookie already keeps it.
    let with = [("cookie", format!("__Host-tollgate-pre={value}"))];
    let with: Vec<(&str, &str)> = with.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let response = app_with(rows()).handle(request("GET", "/hello", &with)).await;
    assert_eq!(header(&response, "set-cookie"), "");
    assert!(text(response).await.contains(&token));
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_name_and_unknown_ones_are_404() {
    let html = text(app().handle(request("GET", "/nothing", &[])).await).await;
    let path = html.split("href=\"/assets/").nth(1).expect("a link").split('"').next();
    let path = format!("/assets/{}", path.expect("a path"));
    let response = app().handle(request("GET", &path, &[])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
    for path in ["/assets/tollgate.css", "/assets/..%2f..%2fCargo.toml", "/assets/x"] {
        assert_eq!(status("GET", path, &[]).await, 404, "{path}");
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewThing {
    name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Loose {
    name: String,
}

async fn make(Json(new): Json<NewThing>) -> Reply {
    reply::created("/api/things/1", &new.name)
}

async fn find(Query(new): Query<NewThing>) -> Result<String, Fault> {
    Ok(new.name)
}

fn things() -> Vec<Row> {
    vec![
        Row::post("/api/things", Access::Public, "Make a thing", make)
            .takes::<NewThing>()
            .answers::<String>()
            .body_limit(32)
            .ignores_credentials(),
        Row::get("/api/things/{id}", Access::Api(Manage::read(Noun::Keys)), "Find a thing", find)
            .asks::<NewThing>(),
    ]
}

async fn made(body: &'static str) -> (StatusCode, serde_json::Value) {
    let mut request = request("POST", "/api/things", &[("content-type", "text/plain")]);
    *request.body_mut() = Body::from(body);
    let response = app_with(things()).handle(request).await;
    let status = response.status();
    (status, serde_json::from_str(&text(response).await).expect("JSON"))
}

#[tokio::test]
async fn bodies_are_read_strictly_and_within_the_rows_limit() {
    assert_eq!(made(r#"{"name":"a"}"#).await, (StatusCode::CREATED, "a".into()));
    let (status, problem) = made(r#"{"name":"a","nam":1}"#).await;
    assert_eq!((status, &problem["param"]), (StatusCode::BAD_REQUEST, &"nam".into()));
    assert_eq!(problem["code"], "invalid_request");
    let (status, _) = made(r#"{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn the_openapi_document_says_what_the_rows_say() {
    let document = openapi(things().iter().map(Row::route), ORIGIN, "0.1.0");
    assert_eq!(document["openapi"], "3.1.0");
    let post = &document["paths"]["/api/things"]["post"];
    assert_eq!(post["summary"], "Make a thing");
    assert_eq!(post["security"], serde_json::json!([]));
    let schema = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/NewThing");
    let component = &document["components"]["schemas"]["NewThing"];
    assert_eq!(component["additionalProperties"], false);
    let get = &document["paths"]["/api/things/{id}"]["get"];
    let names: Vec<&str> = get["parameters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    assert_eq!(names, ["id", "name"]);
}

#[test]
fn the_inventory_lists_every_row() {
    let list = inventory(&things());
    let paths: Vec<_> = list.iter().map(|(m, p, _)| format!("{m} {p}")).collect();
    assert_eq!(paths, ["POST /api/things", "GET /api/things/{id}"]);
    assert!(loose_schemas(&things()).is_empty());
    let loose = vec![Row::<()>::post("/x", Access::Public, "Loose", || async {}).takes::<Loose>()];
    assert_eq!(loose_schemas(&loose), ["POST /x"]);
}

#[tokio::test]
async fn a_door_gives_its_rows_their_state() {
    use axum::extract::State;
    async fn whose(State(name): State<&'static str>) -> &'static str {
        name
    }
    let row: Row<&'static str> =
        Row::get("/api/x", Access::Public, "Whose", whose).ignores_credentials();
    let app = app_with(bind(vec![row], &"ours"));
    assert_eq!(text(app.handle(request("GET", "/api/x", &[])).await).await, "ours");
}

#[tokio::test]
async fn t67_forwarding_headers_of_a_stranger_are_dropped_and_do_not_count() {
    async fn whence(exchange: Exchange, headers: http::HeaderMap) -> String {
        format!("{} {}", exchange.network(), headers.len())
    }
    let rows = vec![open("/api/w", |p| Row::get(p, Access::Public, "Whence", whence))];
    let headers = [
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-uri", "/admin"),
        ("forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
    ];
    let response = app_with(rows).handle(request("GET", "/api/w", &headers)).await;
    assert_eq!(text(response).await, "9.9.9.9 0");
}

#[test]
fn a_peer_that_is_not_known_is_nowhere() {
    let request: Request<Body> = Request::new(Body::empty());
    assert!(request.extensions().get::<Peer>().is_none());
    let network = crate::TrustedProxies::default().network(None, request.headers());
    assert_eq!(network.to_string(), "0.0.0.0");
}
