//! Attack cases that need the whole server and belong to no single door.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_kernel::{Budget, KeyId, Period, PlainToken, Rates, Rng, Role, SeededRng, Unit};
use tollgate_protocol::api_key::{self, TokenType};
use tollgate_store::{AuditEvent, KeyHolder, NewKey, NewSecret};
use tollgate_testkit::{
    Answer, Browser, Engine, KeySpec, PROVIDER_KEY, PlanSpec, RawCall, TestServer, chat_body,
};

const CHAT: &str = "/v1/chat/completions";

async fn server() -> TestServer {
    TestServer::start(Engine::Sqlite).await.unwrap()
}

async fn admin(server: &TestServer) -> Browser {
    let user = server.add_user("admin@example.com", None).await.unwrap();
    server.set_role(user, Role::Admin).await.unwrap();
    server.signed_in(user).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m3_many_streams_cut_at_once_leave_the_server_answering() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    server.mocks(&[("long", "chunks=3000")]).await.unwrap();
    let mut body = chat_body("long", 4_000);
    body["stream"] = Value::Bool(true);
    let mut calls = Vec::new();
    for _ in 0..30 {
        let mut call = RawCall::post(&server.url, CHAT, &key, &body).await.unwrap();
        assert!(call.hear_text("data: ", Duration::from_secs(10)).await.unwrap());
        calls.push(call);
    }
    drop(calls);
    let client = server.anonymous();
    let ready = tokio::time::timeout(Duration::from_secs(5), client.get("/readyz"));
    assert_eq!(ready.await.expect("an answer meanwhile").unwrap().status, 200);
    let entries = server.entries_within(30, Duration::from_secs(30)).await.unwrap();
    assert_eq!(entries.len(), 30);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m4_no_member_sends_the_providers_key_elsewhere() {
    let server = server().await;
    let (member, key) = server.caller("alice", Vec::new()).await.unwrap();
    let thief = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/v1", thief.local_addr().unwrap());
    let browser = server.signed_in(member).await.unwrap();
    let with_key = server.with_bearer(&key);
    for (method, path) in [
        ("POST", "/api/v1/upstreams"),
        ("PATCH", "/api/v1/upstreams/demo"),
        ("DELETE", "/api/v1/upstreams/demo"),
        ("PUT", "/api/v1/models/mine"),
        ("PATCH", "/api/v1/settings"),
    ] {
        let body = json!({ "id": "demo", "base_url": place, "upstream": "demo", "model": "x" });
        for request in [browser.request(method, path), with_key.request(method, path)] {
            let answer = with_key.send(request.json(&body)).await.unwrap();
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
        }
    }
    // Whoever changes the place has to know the key: one that is stored does not go along.
    let admin = admin(&server).await;
    let moved = admin.request("PATCH", "/api/v1/upstreams/demo").json(&json!({"base_url": place}));
    let moved = admin.send(moved).await.unwrap();
    assert_eq!(moved.status, 400, "{}", moved.text);
    // Nor do members of a request that other gateways heed: one may be behind us.
    for member in ["base_url", "api_base", "api_key", "baseURL"] {
        let mut body = chat_body("tollgate-demo", 5);
        body[member] = Value::from(place.clone());
        let refused = with_key.post(CHAT, &body).await.unwrap();
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(refused.json()["error"]["param"], member, "{}", refused.text);
    }
    let body = chat_body("tollgate-demo", 5);
    let request = with_key.request("POST", CHAT).header("x-base-url", &place).json(&body);
    let answer = with_key.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let visit = tokio::time::timeout(Duration::ZERO, thief.accept()).await;
    assert!(visit.is_err(), "nobody knocked at the thief's");
    let seen = server.model.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.headers["authorization"], format!("Bearer {PROVIDER_KEY}"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m12_a_key_never_reaches_beyond_its_owner() {
    let server = server().await;
    let few = |models: Vec<&'static str>, calls: i64| PlanSpec {
        models,
        budgets: vec![Budget { unit: Unit::Calls, limit: calls, period: Period::Day }],
        ..PlanSpec::default()
    };
    server.add_plan("few", &few(vec!["small", "tollgate-demo"], 3)).await.unwrap();
    let user = server.add_user("alice@example.com", Some("few")).await.unwrap();
    let wide = KeySpec {
        models: Some(vec!["*"]),
        budgets: vec![Budget { unit: Unit::Calls, limit: 1_000, period: Period::Day }],
        ..KeySpec::default()
    };
    let (_, key) = server.add_key(user, &wide).await.unwrap();
    server.mocks(&[("small", "chunks=1"), ("large", "chunks=1")]).await.unwrap();
    let client = server.with_bearer(&key);
    assert_eq!(client.chat("large", 5).await.unwrap().code(), "model_not_found");
    assert_eq!(client.chat("small", 5).await.unwrap().status, 200);
    // The plan shrinks, and the key with it.
    server.change_plan("few", &few(vec!["tollgate-demo"], 3)).await.unwrap();
    assert_eq!(client.chat("small", 5).await.unwrap().code(), "model_not_found");
    for _ in 0..2 {
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    let empty = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(empty.code(), "insufficient_quota", "the plan's budget binds: {}", empty.text);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t61_an_address_has_one_spelling() {
    let server = server().await;
    let admin = admin(&server).await;
    for (email, status) in [
        ("ben@example.com", 201),
        ("BEN@example.com", 409),
        ("ben@EXAMPLE.com", 409),
        (" ben@example.com", 409),
    ] {
        let made = admin.post("/api/v1/users", &json!({ "email": email })).await.unwrap();
        assert_eq!(made.status, status, "{email}: {}", made.text);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t71_a_health_checks_name_opens_nothing() {
    let server = server().await;
    for agent in ["GoogleHC/1.0", "kube-probe/1.29", "ELB-HealthChecker/2.0"] {
        for (path, status) in [("/readyz", 200), ("/v1/models", 401), ("/api/v1/users", 401)] {
            let client = server.anonymous();
            let request = client.request("GET", path).header("user-agent", agent);
            assert_eq!(client.send(request).await.unwrap().status, status, "{agent} {path}");
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t72_a_credential_that_was_seen_counts_only_as_what_it_is() {
    let server = server().await;
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let browser = server.signed_in(user).await.unwrap();
    let session = browser.request("GET", "/").build().unwrap().headers()["cookie"].clone();
    let session = session.to_str().unwrap().trim_start_matches("tollgate=").to_owned();
    // Both are in the cache now.
    assert_eq!(server.with_bearer(&key).get("/v1/models").await.unwrap().status, 200);
    assert_eq!(browser.get("/api/v1/me").await.unwrap().status, 200);
    assert_eq!(server.with_bearer(&session).get("/v1/models").await.unwrap().status, 401);
    let client = server.anonymous();
    let cookie = client
        .request("GET", "/api/v1/me")
        .header("cookie", format!("tollgate={key}"))
        .header("origin", &server.url)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(client.send(cookie).await.unwrap().status, 401);
    // A longer text that begins with one is another credential.
    let longer = server.with_bearer(&format!("{key}0")).get("/v1/models").await.unwrap();
    assert_eq!(longer.status, 401);
    server.stop().await.unwrap();
}

/// Gives what makes a token whose 43 digits are zeroes but for this last one.
struct Nearly(u8);

impl Rng for Nearly {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
        if let Some(last) = out.last_mut() {
            *last = self.0;
        }
        for _ in 0..42 {
            let mut carry = 0;
            for byte in out.iter_mut().rev() {
                let product = u16::from(*byte) * 62 + carry;
                *byte = product as u8;
                carry = product >> 8;
            }
        }
    }
}

/// What is compared with a guess is a keyed hash. Whoever could tell by the time how far a guess
/// agrees with what is stored would learn nothing of the secret: a guess that is right but for its
/// end agrees no further than any other, and nobody outside can tell which guess would.
#[tokio::test]
async fn t91_how_far_a_guess_agrees_tells_nothing() {
    let server = server().await;
    let stranger = self::server().await;
    let (user, _) = server.caller("alice", Vec::new()).await.unwrap();
    let real = api_key::mint(TokenType::User, &Nearly(0));
    let hash = server.gate.hash_presented(TokenType::User, &real).unwrap();
    let secret = NewSecret { hash: *hash.as_bytes(), tail: real.tail() };
    let key = NewKey {
        id: KeyId::new(&**server.gate.clock(), &**server.gate.rng()),
        name: "guessed at".to_owned(),
        holder: KeyHolder::User(user),
        tool: None,
        models: None,
        networks: None,
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: None,
    };
    let mut tx = server.gate.begin(&server.system).await.unwrap();
    tx.insert_key(key, secret).await.unwrap();
    tx.commit(AuditEvent::new("key.make", "guessed at")).await.unwrap();
    let asks = async |token: &PlainToken| {
        let answer = server.with_bearer(token.expose()).get("/v1/models").await.unwrap();
        let mut told = answer.json();
        told["error"]["request_id"] = Value::Null;
        (answer.status, told)
    };
    // The hash under this server's key is what leads to the key.
    assert_eq!(asks(&real).await.0, 200);

    let agree = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    for kind in [TokenType::User, TokenType::Admin, TokenType::Session, TokenType::Link] {
        let real = api_key::mint(kind, &Nearly(0));
        let hash = server.gate.hash_presented(kind, &real).unwrap();
        let theirs = stranger.gate.hash_presented(kind, &real).unwrap();
        assert!(agree(hash.as_bytes(), theirs.as_bytes()) < 4, "hashed without the server's key");
        for guess in 1..=60 {
            let guess = api_key::mint(kind, &Nearly(guess));
            assert!(agree(real.expose().as_bytes(), guess.expose().as_bytes()) >= 50);
            let hashed = server.gate.hash_presented(kind, &guess).unwrap();
            assert!(agree(hash.as_bytes(), hashed.as_bytes()) < 4, "{kind:?}");
        }
    }
    // Near and far guesses are told the same.
    let far = asks(&api_key::mint(TokenType::User, &SeededRng::new(1))).await;
    assert_eq!(far.0, 401);
    for guess in 1..=8 {
        assert_eq!(asks(&api_key::mint(TokenType::User, &Nearly(guess))).await, far);
    }
    stranger.stop().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t92_a_new_account_inherits_nothing() {
    let server = server().await;
    let admin = admin(&server).await;
    let (old, key) = server.caller("alice", Vec::new()).await.unwrap();
    assert_eq!(server.with_bearer(&key).chat("tollgate-demo", 5).await.unwrap().status, 200);
    server.entries(1).await.unwrap();
    let gone = admin.request("DELETE", &format!("/api/v1/users/{old}"));
    assert_eq!(admin.send(gone).await.unwrap().status, 204);
    let wish = json!({ "email": "alice@example.com", "plan": "alice" });
    let new = admin.post("/api/v1/users", &wish).await.unwrap();
    assert_eq!(new.status, 201, "{}", new.text);
    let new = new.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(new, old.to_string());
    let again = server.signed_in(new.parse().unwrap()).await.unwrap();
    let mine = async |path: &str| again.get(path).await.unwrap().json()["items"].clone();
    assert_eq!(mine("/api/v1/keys").await, json!([]));
    assert_eq!(mine("/api/v1/entries").await, json!([]));
    assert_eq!(server.with_bearer(&key).get("/v1/models").await.unwrap().status, 401);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t95_sql_in_any_field_is_text() {
    let server = server().await;
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let admin = admin(&server).await;
    let people = async || -> usize {
        let list = admin.get("/api/v1/users").await.unwrap().json();
        list["items"].as_array().unwrap().len()
    };
    let before = people().await;
    for evil in ["'; DROP TABLE users; --", "\" OR \"\"=\"", "' UNION SELECT hash FROM keys --"] {
        let text: String = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        let fine = |answer: Answer| assert!(answer.status < 500, "{evil}: {}", answer.text);
        for path in [
            format!("/api/v1/users?cursor={text}"),
            format!("/api/v1/users?email={text}"),
            format!("/api/v1/entries?model={text}&request_id={text}"),
            format!("/api/v1/usage?by={text}&from={text}"),
            format!("/api/v1/audit?action={text}&cursor={text}"),
            format!("/api/v1/keys/{text}"),
            format!("/api/v1/plans/{text}"),
            format!("/admin/users?q={text}"),
        ] {
            fine(admin.get(&path).await.unwrap());
        }
        fine(admin.post("/api/v1/plans", &json!({ "id": evil })).await.unwrap());
        fine(admin.post("/api/v1/groups", &json!({ "id": evil, "name": evil })).await.unwrap());
        fine(admin.post("/api/v1/users", &json!({ "email": evil })).await.unwrap());
        fine(server.with_bearer(&key).chat(evil, 5).await.unwrap());
        let wish = json!({ "name": evil, "user": user });
        let made = admin.post("/api/v1/keys", &wish).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json()["name"], evil, "kept as it is");
    }
    assert_eq!(people().await, before);
    server.stop().await.unwrap();
}

/// Sends these bytes and reads until the server closes; then what it said.
async fn said(server: &TestServer, bytes: &str) -> String {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(bytes.replace("HOST", host).as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let whole = stream.read_to_end(&mut heard);
    let ended = tokio::time::timeout(Duration::from_secs(20), whole).await;
    assert!(ended.is_ok(), "still open: {bytes:?} {}", String::from_utf8_lossy(&heard));
    String::from_utf8_lossy(&heard).into_owned()
}

/// Two requests in one: the second hides where another server would see the first one's body.
const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn f1_f2_f3_f4_f5_f6_f7_f8_f9_no_request_hides_in_another() {
    let server = server().await;
    let post = "POST /login HTTP/1.1\r\nHost: HOST\r\n";
    for (case, head) in [
        ("f1", format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("f1", format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")),
        ("f2", format!("{post}Content-Length: 0\r\nContent-Length: 50\r\n\r\n")),
        ("f2", format!("{post}Content-Length: 0, 50\r\n\r\n")),
        ("f3", format!("{post}Content-Length: +0\r\n\r\n")),
        ("f3", format!("{post}Content-Length: -1\r\n\r\n")),
        ("f3", format!("{post}Content-Length: 0x0\r\n\r\n")),
        ("f4", format!("{post}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n")),
        ("f4", format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")),
        ("f4", format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("f5", format!("{post}X-Folded: a\r\n b\r\n\r\n")),
        ("f6", format!("{post}X: a\nY: b\r\n\r\n")),
        ("f6", format!("{post}X: a\r\n\n")),
        ("f6", "POST /login HTTP/1.1\nHost: HOST\n\n".to_owned()),
        ("f6", format!("{post}Transfer-Encoding: chunked\r\n\r\n0\r\n\n")),
        ("f7", format!("{post}Content-Length : 0\r\n\r\n")),
        ("f8", format!("{post}X-Nul: a\0b\r\n\r\n")),
        ("f8", format!("{post}X-Bell: a\u{7}b\r\n\r\n")),
        (
            "f9",
            "POST /login HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
    ] {
        let heard = said(&server, &format!("{head}{HIDDEN}")).await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{case} {head:?}: {heard}");
        assert_eq!(heard.matches("HTTP/1.").count(), 1, "{case} {head:?}: {heard}");
    }
    // The second request's lines are looked at as well, after a body of any bytes.
    let first = format!("{post}Content-Length: 4\r\n\r\n\n\n\n\n");
    let heard = said(&server, &format!("{first}GET /livez HTTP/1.1\nHost: HOST\n\n")).await;
    let statuses: Vec<&str> =
        heard.match_indices("HTTP/1.1 ").filter_map(|(at, _)| heard.get(at + 9..at + 12)).collect();
    assert_eq!(statuses.len(), 2, "{heard}");
    assert_eq!(statuses[1], "400", "{heard}");
    // Where nothing is wrong, the second one is answered too.
    let post = format!("{post}Content-Length: 0\r\n\r\n{HIDDEN}");
    let both = said(&server, &post).await;
    assert_eq!(both.matches("HTTP/1.").count(), 2, "{both}");
    server.stop().await.unwrap();
}
