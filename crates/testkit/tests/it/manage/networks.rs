//! Limits by network: what one address may ask of the management API in a minute.

use tollgate_edge::NetworkLimits;
use tollgate_testkit::{Answer, Engine, Setup, TestServer};

fn is_rate_limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.json()["code"], "rate_limited", "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let wait_s: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
}

#[tokio::test]
async fn t62_management_is_limited_by_network_but_for_admin_keys() {
    let network_limits =
        NetworkLimits { anonymous_per_minute: 3, management_per_minute: 5, ..NetworkLimits::LAX };
    let setup = Setup { network_limits, ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for _ in 0..5 {
        assert_eq!(client.get("/api/v1/me").await.unwrap().status, 200);
    }
    is_rate_limited(&client.get("/api/v1/me").await.unwrap());
    let token = serde_json::json!({ "audience": format!("{}/v1", server.url) });
    is_rate_limited(&client.post("/api/v1/tokens", &token).await.unwrap());
    // Models have rates of their own, and whoever runs the installation is not held up.
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    for _ in 0..12 {
        assert_eq!(admin.get("/api/v1/users").await.unwrap().status, 200);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_requests_without_a_good_credential_are_limited_by_network() {
    let network_limits = NetworkLimits { anonymous_per_minute: 3, ..NetworkLimits::LAX };
    let setup = Setup { network_limits, ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (nobody, wrong) = (server.anonymous(), server.with_bearer("tg_user_garbled"));
    assert_eq!(nobody.get("/api/v1/me").await.unwrap().status, 401);
    assert_eq!(wrong.get("/api/v1/keys").await.unwrap().status, 401);
    assert_eq!(nobody.get("/login").await.unwrap().status, 200);
    is_rate_limited(&wrong.get("/api/v1/me").await.unwrap());
    is_rate_limited(&nobody.get("/api/v1/users").await.unwrap());
    assert_eq!(nobody.get("/login").await.unwrap().status, 429);
    // Probes and the description are not counted; the models door says what is wrong.
    assert_eq!(nobody.get("/readyz").await.unwrap().status, 200);
    assert_eq!(nobody.get("/openapi.json").await.unwrap().status, 200);
    assert_eq!(wrong.chat("tollgate-demo", 5).await.unwrap().status, 401);
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    assert_eq!(server.with_bearer(&key).get("/api/v1/me").await.unwrap().status, 200);
    server.stop().await.unwrap();
}
