//! Upstreams: their keys, and the tests of these.

use super::*;

#[tokio::test]
async fn an_upstream_keeps_its_key_unless_another_is_pasted() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let url = ("base_url", "https://a.example.com/v1");
    let fields = [("id", "openai"), url, ("api_key", " sk-canary-page "), ("header", "")];
    let (status, ..) = house.submit(&ada, "/admin/new-upstream", &fields).await;
    assert_eq!(status, 303);
    let path = "/admin/upstreams/openai";
    let (_, html) = house.page(&ada, path).await;
    assert!(!html.contains("sk-canary"), "{html}");
    let fields = [url, ("api_key", ""), ("header", "api-key")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let shown = house.done("GET", "/api/v1/upstreams/openai", Value::Null).await;
    assert_eq!((&shown["has_api_key"], &shown["header"]), (&json!(true), &json!("api-key")));

    // What was typed comes back, but for the key; and the key does not follow to another host.
    let moved = ("base_url", "https://evil.example.com/v1");
    let (status, _, html) = house.submit(&ada, path, &[moved, ("header", "")]).await;
    assert_eq!(status, 400);
    assert!(html.contains("id=\"api_key-error\"") && html.contains("evil.example.com"));
    let bad = [moved, ("api_key", "sk-canary bad"), ("header", "")];
    let (status, _, html) = house.submit(&ada, path, &bad).await;
    assert_eq!(status, 400);
    assert!(!html.contains("sk-canary"));
}

/// Something that answers like a provider: by the key that it is shown.
async fn provider() -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let (status, body) = match head {
                head if head.contains("sk-good") => {
                    ("200 OK", r#"{"data":[{"id":"a"},{"id":"b"}]}"#)
                }
                head if head.contains("sk-lost") => ("404 Not Found", "<h1>Nothing here</h1>"),
                _ => ("401 Unauthorized", "{}"),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    (place, tokio::spawn(serve))
}

#[tokio::test]
async fn an_upstream_is_tested_by_page_and_by_api() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let (place, serving) = provider().await;
    let url = format!("http://{place}/v1");
    let upstream = json!({"id": "openai", "base_url": url, "api_key": "sk-good"});
    house.done("POST", "/api/v1/upstreams", upstream).await;
    let path = "/api/v1/upstreams/openai";
    let tested = async || {
        let said = house.done("POST", &format!("{path}/test"), Value::Null).await;
        let form = [("base_url", "typed"), ("api_key", "sk-typed"), ("header", "")];
        let (status, _, html) = house.submit(&ada, "/admin/upstreams/openai/test", &form).await;
        assert_eq!(status, 200);
        assert!(html.contains("value=\"typed\"") && !html.contains("sk-"), "{html}");
        (said, html)
    };
    let (said, html) = tested().await;
    assert_eq!(said, json!({"result": "works", "models": 2, "status": null}));
    assert!(html.contains("lists 2 models."), "{html}");
    for (key, result, words) in
        [("sk-bad", "key_refused", "refuses our key"), ("sk-lost", "unexpected", "(status 404)")]
    {
        house.done("PATCH", path, json!({"api_key": key})).await;
        let (said, html) = tested().await;
        assert_eq!(said["result"], result);
        assert!(html.contains(words), "{html}");
    }
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    let (said, html) = tested().await;
    assert_eq!(said["result"], "unreachable");
    assert!(html.contains("Nobody answers there."), "{html}");
    assert_eq!(house.refused("POST", "/api/v1/upstreams/gone/test", Value::Null).await.status, 404);
    let bob = house.person("bob", Role::Member, None).await;
    assert_eq!(house.submit(&bob, "/admin/upstreams/openai/test", &[]).await.0, 403);
}
