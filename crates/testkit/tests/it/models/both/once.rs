//! `Idempotency-Key`: a POST of the management API that is sent again is done once.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_gate::{Claim, OnceAsked, Presented};
use tollgate_kernel::{Error, Kind, Manage, Network, Noun, RequestId, UserId};
use tollgate_store::AuditEvent;
use tollgate_testkit::{Answer, Client, Engine, TestServer};

use super::until;

/// An admin's client, and somebody to make keys for.
async fn stage(server: &TestServer) -> (Client, UserId, Value) {
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let user = server.add_user("alice@example.com", None).await.unwrap();
    (admin, user, json!({ "name": "laptop", "user": user.to_string() }))
}

async fn make(client: &Client, key: &str, body: &Value) -> Answer {
    let request = client.request("POST", "/api/v1/keys").header("Idempotency-Key", key);
    client.send(request.json(body)).await.unwrap()
}

async fn count(client: &Client, user: UserId) -> usize {
    let list = client.get(&format!("/api/v1/keys?user={user}")).await.unwrap().json();
    list["items"].as_array().expect("a list").len()
}

pub(crate) async fn a_request_that_comes_again_is_done_once(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (admin, user, body) = stage(&server).await;
    let first = make(&admin, "k-1", &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = make(&admin, "\"k-1\"", &body).await;
    assert_eq!((again.status, &again.text), (201, &first.text), "the secret and all");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), "application/json");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(count(&admin, user).await, 1);
    let made = first.json()["key"].as_str().expect("a secret").to_owned();
    assert_eq!(server.with_bearer(&made).get("/api/v1/me").await.unwrap().status, 200);

    // The same key with something else, and with another credential.
    let other = make(&admin, "k-1", &json!({ "name": "desk", "user": user })).await;
    assert_eq!((other.status, other.json()["code"].as_str()), (409, Some("conflict")));
    assert_eq!(other.json()["param"], "Idempotency-Key");
    let second = server.with_bearer(&server.add_admin_key().await.unwrap());
    let theirs = make(&second, "k-1", &body).await;
    assert_eq!(theirs.status, 201, "a credential has keys of its own");
    assert_ne!(theirs.json()["key"], first.json()["key"]);
    assert_eq!(count(&admin, user).await, 2);
    let nobody = make(&server.anonymous(), "k-1", &body).await;
    assert_eq!(nobody.status, 401);

    // A refusal is not kept, and the secret lies nowhere in clear.
    assert_eq!(make(&admin, "k-2", &json!({ "nmae": "x" })).await.status, 400);
    assert_eq!(make(&admin, "k-2", &body).await.status, 201);
    let bad = make(&admin, "k 3", &body).await;
    assert_eq!((bad.status, bad.json()["param"].as_str()), (400, Some("Idempotency-Key")));
    for file in server.database().files().unwrap() {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(made.len()).any(|window| window == made.as_bytes());
        assert!(!found, "the secret lies in {}", file.display());
    }

    // It outlives the server; an ended credential gets nothing.
    let server = server.restart().await.unwrap();
    let (admin, second) =
        (server.anonymous().with(admin.bearer()), server.anonymous().with(second.bearer()));
    let again = make(&admin, "k-1", &body).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    let subject = admin.get("/api/v1/me").await.unwrap().json()["subject"].clone();
    let id = subject.as_str().and_then(|subject| subject.strip_prefix("admin_key:")).unwrap();
    let revoke = second.request("DELETE", &format!("/api/v1/keys/{id}"));
    assert_eq!(second.send(revoke).await.unwrap().status, 204);
    let ended = async || make(&admin, "k-1", &body).await.status == 401;
    assert!(until(Duration::from_secs(2), ended).await);
    server.stop().await.unwrap();
}

pub(crate) async fn of_many_at_once_one_is_done(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (admin, user, body) = stage(&server).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (admin, body) = (admin.clone(), body.clone());
            tokio::spawn(async move { make(&admin, "k-1", &body).await })
        })
        .collect();
    let mut secrets = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => secrets.push(answer.json()["key"].clone()),
            409 => assert_eq!(answer.header("retry-after"), "1", "{}", answer.text),
            other => panic!("{other}: {}", answer.text),
        }
    }
    secrets.dedup();
    assert_eq!(secrets.len(), 1, "all that were answered got the one secret");
    assert_eq!(count(&admin, user).await, 1);
    server.stop().await.unwrap();
}

pub(crate) async fn a_caller_who_hangs_up_gets_the_answer_later(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (admin, user, body) = stage(&server).await;
    // Cut at points all along the way.
    for (at, pause_us) in [0, 200, 500, 1_000, 2_000, 4_000].into_iter().enumerate() {
        let key = format!("k-{at}");
        let patience = Duration::from_micros(pause_us);
        drop(tokio::time::timeout(patience, make(&admin, &key, &body)).await);
        let done = async || make(&admin, &key, &body).await.status == 201;
        assert!(until(Duration::from_secs(5), done).await, "{key}");
        let (one, two) = (make(&admin, &key, &body).await, make(&admin, &key, &body).await);
        assert_eq!(one.text, two.text);
        assert_eq!(count(&admin, user).await, at + 1);
    }
    server.stop().await.unwrap();
}

/// Claims a request over the socket, as the router does, and leaves it there.
async fn claim(server: &TestServer, key: &str, acts: bool) -> Result<Claim, Error> {
    let mut presented = Presented::new();
    presented.socket(1);
    presented.of_request(RequestId::new(&**server.gate.clock(), &**server.gate.rng()));
    let network = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
    let admin = server.gate.authenticate(presented, network).await?;
    let (place, body) = ("POST /api/v1/x", &b"{}"[..]);
    let asked = OnceAsked { principal: &admin, key, place, query: "", body };
    let claim = server.gate.claim(asked).await?;
    if acts {
        let warrant = server.gate.allow(&admin, Manage::write(Noun::Plans))?;
        let tx = server.gate.begin(&warrant).await?;
        tx.commit(AuditEvent::new("plan.test", "plan:x")).await?;
    }
    Ok(claim)
}

pub(crate) async fn a_crash_in_between_neither_repeats_an_act_nor_loses_it(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    assert!(matches!(claim(&server, "idle", false).await, Ok(Claim::Do(_))));
    assert!(matches!(claim(&server, "acted", true).await, Ok(Claim::Do(_))));
    let error = claim(&server, "idle", false).await.err().expect("it is being done");
    assert!(error.retry_after().is_some());
    // What was being done is forgotten with the process, as by a crash.
    let server = server.restart().await.unwrap();
    assert!(matches!(claim(&server, "idle", false).await, Ok(Claim::Do(_))));
    let error = claim(&server, "acted", false).await.err().expect("it was done");
    assert_eq!((error.kind(), error.retry_after()), (Kind::Conflict, None));
    assert!(error.detail().contains("was done, but its answer was lost"), "{error}");
    server.stop().await.unwrap();
}
