//! Limits by network: what one address may ask of the management API in a minute.

use serde_json::json;
use tollgate_edge::NetworkLimits;
use tollgate_testkit::{Answer, Browser, Engine, Setup, TestServer};

use crate::canaries::people::Person;

const PASSWORD: &str = "correct horse battery";

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

#[tokio::test]
async fn t62_what_pages_change_counts_as_management_and_looking_does_not() {
    let network_limits = NetworkLimits { management_per_minute: 3, ..NetworkLimits::LAX };
    let server = with_limits(network_limits).await;
    let (member, _) = server.caller("alice", Vec::new()).await.unwrap();
    let browser = server.signed_in(member).await.unwrap();
    for _ in 0..4 {
        assert_eq!(browser.get("/account/keys").await.unwrap().status, 200);
    }
    let fields = [("name", "laptop")];
    for _ in 0..3 {
        let made = submit(&browser, "/account/keys", &fields).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let refused = submit(&browser, "/account/keys", &fields).await;
    must_wait(&refused, 60);
    let api = browser.get("/api/v1/keys").await.unwrap();
    is_rate_limited(&api);
    assert_eq!(browser.get("/account/keys").await.unwrap().status, 200);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_a_session_cookie_that_is_none_does_not_lift_the_limit_of_open_pages() {
    let network_limits = NetworkLimits { anonymous_per_minute: 3, ..NetworkLimits::LAX };
    let server = with_limits(network_limits).await;
    let nobody = server.anonymous();
    let seen = async |cookie: &str| {
        let request = nobody.request("GET", "/login").header("cookie", cookie);
        nobody.send(request).await.unwrap()
    };
    for number in 0..3 {
        assert_eq!(seen(&format!("tollgate=tg_session_bogus{number}")).await.status, 200);
    }
    must_wait(&seen("tollgate=tg_session_bogus3").await, 60);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_sign_ups_are_limited_by_network() {
    let server = with_limits(NetworkLimits { sign_up_per_hour: 2, ..NetworkLimits::LAX }).await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let open = admin.patch("/api/v1/settings", &json!({ "registration": "open" })).await.unwrap();
    assert_eq!(open.status, 200, "{}", open.text);
    let mut person = Person::new(&server.url);
    let fields = [("username", "ada@example.com"), ("password", PASSWORD)];
    for _ in 0..2 {
        assert_eq!(person.post("/signup", &fields).await.status, 200);
    }
    must_wait(&person.post("/signup", &fields).await, 3_600);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_set_ups_are_limited_by_network() {
    let server = with_limits(NetworkLimits { sign_in_per_minute: 2, ..NetworkLimits::LAX }).await;
    let mut person = Person::new(&server.url);
    let guess =
        [("username", "ada@example.com"), ("password", PASSWORD), ("token", "tg_setup_guessed")];
    for _ in 0..2 {
        assert_eq!(person.post("/setup", &guess).await.status, 403);
    }
    must_wait(&person.post("/setup", &guess).await, 60);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_uses_of_links_are_limited_by_network() {
    let server = with_limits(NetworkLimits { sign_in_per_minute: 2, ..NetworkLimits::LAX }).await;
    let mut person = Person::new(&server.url);
    // A form's token, from a page that counts for nothing.
    person.post("/signup", &[]).await;
    for _ in 0..2 {
        assert_eq!(person.post("/link/tg_link_guessed", &[]).await.status, 404);
    }
    must_wait(&person.post("/link/tg_link_guessed", &[]).await, 60);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t62_guesses_of_the_current_password_are_limited_by_network() {
    for by_page in [true, false] {
        let limits = NetworkLimits { sign_in_per_minute: 2, ..NetworkLimits::LAX };
        let server = with_limits(limits).await;
        let (member, _) = server.caller("alice", Vec::new()).await.unwrap();
        let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
        let path = format!("/api/v1/users/{member}");
        let set = admin.patch(&path, &json!({ "password": PASSWORD })).await.unwrap();
        assert_eq!(set.status, 200, "{}", set.text);
        let browser = server.signed_in(member).await.unwrap();
        let guess = async || {
            let fields =
                [("current_password", "not the right one"), ("password", "another good password")];
            if by_page {
                return submit(&browser, "/account/password", &fields).await;
            }
            let body: serde_json::Map<_, _> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            browser.send(browser.request("PATCH", "/api/v1/me").json(&body)).await.unwrap()
        };
        for _ in 0..2 {
            let refused = guess().await;
            let expected = if by_page { 422 } else { 403 };
            assert_eq!(refused.status, expected, "{}", refused.text);
        }
        must_wait(&guess().await, 60);
        server.stop().await.unwrap();
    }
}

async fn with_limits(network_limits: NetworkLimits) -> TestServer {
    TestServer::start_as(Setup { network_limits, ..Setup::on(Engine::Sqlite) }).await.unwrap()
}

/// Sends a form of one of the pages.
async fn submit(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = fields.to_vec();
    form.push(("csrf", &browser.csrf));
    browser.send(browser.request("POST", path).form(&form)).await.unwrap()
}

/// The answer is 429, on a page or not, and says when to come back.
fn must_wait(answer: &Answer, most_s: u64) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let wait_s: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=most_s).contains(&wait_s), "{wait_s}");
}
