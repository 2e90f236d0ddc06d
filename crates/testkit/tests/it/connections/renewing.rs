//! New tokens for old ones: within the order of a call, once for all who wait, and what a refusal
//! by the tool's API shows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_gate::ToolPatience;
use tollgate_kernel::{Budget, LeapingClock, Period, Unit};
use tollgate_testkit::{PluginWays, Setup, TokenFault};

use super::{House, asked};

impl House {
    fn todos(connection: &Value) -> String {
        format!("/connections/{}/todos", connection["id"].as_str().unwrap())
    }

    /// Waits until so many entries are in this state, and gives them.
    pub(super) async fn entries_in(&self, state: &str, count: usize) -> Vec<Value> {
        let there = async {
            loop {
                let list = self.done("GET", "/api/v1/entries", Value::Null).await;
                let items = list["items"].as_array().unwrap().iter();
                let found: Vec<Value> = items.filter(|it| it["state"] == state).cloned().collect();
                if found.len() >= count {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), there).await.unwrap()
    }
}

/// Whoever may not call has nothing renewed: the token endpoint comes after budgets and rates.
#[tokio::test]
async fn ph23_who_may_not_call_has_no_token_renewed() {
    let clock = Arc::new(LeapingClock::at_noon());
    let expires_in = Some(json!(100));
    let ways = PluginWays { mode: "oauth", expires_in, ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    let install = house.active().await;
    let budget = Budget { unit: Unit::Calls, limit: 1, period: Period::Day };
    let (bob, key) = house.server.caller("bob", vec![budget]).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let body = json!({ "install": install["id"] });
    let made = asked(&bob, "POST", "/api/v1/connections", body).await.json();
    let back = house.at_the_tool(made["authorize_url"].as_str().unwrap()).await;
    assert_eq!(bob.get(&back).await.unwrap().status, 303);
    let client = house.server.with_bearer(&key);
    clock.leap(Duration::from_secs(90));
    assert_eq!(client.get(&House::todos(&made)).await.unwrap().status, 200);
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one refresh");
    clock.leap(Duration::from_secs(90));
    let refused = client.get(&House::todos(&made)).await.unwrap();
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(house.plugin.exchanges().len(), 2, "nothing is renewed for a call that is refused");
}

/// Of twenty that wait for one refresh, all hear why it failed; each leaves its entry.
#[tokio::test]
async fn v25_v28_a_refresh_that_fails_is_shared_and_leaves_entries() {
    let clock = Arc::new(LeapingClock::at_noon());
    let expires_in = Some(json!(100));
    let ways = PluginWays { mode: "oauth", expires_in, ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    clock.leap(Duration::from_secs(101));
    let fault = TokenFault::Status(503);
    house.plugin.change(|ways| ways.token_fault = Some(fault));
    house.plugin.hold(true);
    let (client, path) = (house.server.with_bearer(&house.key), House::todos(&connection));
    let calls = (0..20).map(|_| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move { client.get(&path).await.unwrap() })
    });
    let calls = calls.collect::<Vec<_>>();
    house.entries_in("open", 20).await;
    house.plugin.hold(false);
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.status, 502, "{}", answer.text);
        assert!(answer.text.contains("Todo list"), "{}", answer.text);
    }
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one try for all");
    let failed = house.entries_in("failed", 20).await;
    assert!(failed.iter().all(|entry| entry["connection"] == connection["id"]), "{failed:?}");
    assert!(house.plugin.calls().is_empty());
    assert_eq!(house.connection(&connection).await["state"], "active");
    let audit = house.done("GET", "/api/v1/audit?limit=500", Value::Null).await;
    let items = audit["items"].as_array().unwrap().iter();
    let told = items.filter(|it| it["action"] == "connection.exchange").count();
    assert_eq!(told, 2, "one for the code, one for the try");
}

/// A path that always says 401 takes no pasted token away.
#[tokio::test]
async fn v27_one_path_that_says_401_takes_no_pasted_token() {
    let house = House::with(PluginWays { mode: "user_http", ..PluginWays::default() }).await;
    house.plugin.change(|ways| ways.accepted.extend(["canary-pasted".to_owned()]));
    let install = house.install(json!({})).await;
    let body = json!({ "install": install["id"], "token": "canary-pasted" });
    let made = asked(&house.person, "POST", "/api/v1/connections", body).await.json();
    let client = house.server.with_bearer(&house.key);
    let private = format!("/connections/{}/private", made["id"].as_str().unwrap());
    for round in 0..3 {
        let refused = client.get(&private).await.unwrap();
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("needs_reauth")));
        assert!(refused.text.contains("Todo list"), "{}", refused.text);
        let now = house.connection(&made).await;
        assert_eq!(now["state"], "needs_reauth", "{round}");
        assert!(now["refused_at"].is_string(), "{now}");
    }
    assert_eq!(client.get(&House::todos(&made)).await.unwrap().status, 200, "it serves on");
}

/// What was refused and is taken again needs nobody any more.
#[tokio::test]
async fn v27_a_pasted_token_that_is_taken_again_serves_as_before() {
    let clock = Arc::new(LeapingClock::at_noon());
    let ways = PluginWays { mode: "user_http", ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    house.plugin.change(|ways| ways.accepted.extend(["canary-pasted".to_owned()]));
    let install = house.install(json!({})).await;
    let body = json!({ "install": install["id"], "token": "canary-pasted" });
    let made = asked(&house.person, "POST", "/api/v1/connections", body).await.json();
    let (client, path) = (house.server.with_bearer(&house.key), House::todos(&made));
    house.plugin.change(|ways| ways.accepted.clear());
    assert_eq!(client.get(&path).await.unwrap().status, 409);
    assert_eq!(house.connection(&made).await["state"], "needs_reauth");
    house.plugin.change(|ways| ways.accepted.extend(["canary-pasted".to_owned()]));
    clock.leap(Duration::from_secs(61));
    assert_eq!(client.get(&path).await.unwrap().status, 200);
    let now = house.connection(&made).await;
    assert_eq!((&now["state"], &now["refused_at"]), (&json!("active"), &Value::Null));
}

/// Nor does it take a refresh token, or wear the token endpoint out.
#[tokio::test]
async fn v27_one_path_that_says_401_takes_no_refresh_token() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let client = house.server.with_bearer(&house.key);
    let private = format!("/connections/{}/private", connection["id"].as_str().unwrap());
    for round in 0..4 {
        let refused = client.get(&private).await.unwrap();
        assert_eq!(refused.status, 502, "{round}: {}", refused.text);
        assert!(refused.text.contains("Todo list") && refused.text.contains("401"));
        assert_eq!(house.connection(&connection).await["state"], "active", "{round}");
        // What happens elsewhere, as a change of the tool, does not make anybody ask again.
        let install = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
        house.done("PATCH", &install, json!({ "scope": format!("todos {round}") })).await;
    }
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one refresh that did not help");
    assert_eq!(house.plugin.calls().len(), 5, "one was tried again");
    assert_eq!(client.get(&House::todos(&connection)).await.unwrap().status, 200);
}

/// How long ahead a token is renewed goes by how long it lives.
#[tokio::test]
async fn tokens_that_live_for_less_than_a_minute_are_not_renewed_with_every_call() {
    let clock = Arc::new(LeapingClock::at_noon());
    let expires_in = Some(json!(59));
    let ways = PluginWays { mode: "oauth", expires_in, ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let (client, path) = (house.server.with_bearer(&house.key), House::todos(&connection));
    for _ in 0..3 {
        assert_eq!(client.get(&path).await.unwrap().status, 200);
    }
    assert_eq!(house.plugin.exchanges().len(), 1, "the code");
    clock.leap(Duration::from_secs(50));
    for _ in 0..3 {
        assert_eq!(client.get(&path).await.unwrap().status, 200);
    }
    assert_eq!(house.plugin.exchanges().len(), 2, "its last quarter had begun");
}

/// What is no fault of the tool's token endpoint is told, however long the old token lasts.
#[tokio::test]
async fn a_client_that_is_refused_is_not_hidden_by_a_token_that_still_counts() {
    let clock = Arc::new(LeapingClock::at_noon());
    let expires_in = Some(json!(100));
    let ways = PluginWays { mode: "oauth", expires_in, ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    house.done("PATCH", &path, json!({ "client_id": "somebody-else" })).await;
    clock.leap(Duration::from_secs(90));
    let client = house.server.with_bearer(&house.key);
    let refused = client.get(&House::todos(&connection)).await.unwrap();
    assert_eq!(refused.status, 502, "{}", refused.text);
    assert!(refused.text.contains("refuses our client id or secret"), "{}", refused.text);
    assert!(house.plugin.calls().is_empty());
}

/// A token endpoint that never answers holds nobody longer than they are patient; what it gives in
/// the end is kept.
#[tokio::test]
async fn ph23_a_token_endpoint_that_is_silent_is_named_in_time() {
    let clock = Arc::new(LeapingClock::at_noon());
    let renewal = Duration::from_millis(300);
    let tool_patience = ToolPatience { renewal, ..ToolPatience::default() };
    let setup = Setup { clock: clock.clone(), tool_patience, ..Setup::on(crate::ENGINE) };
    let expires_in = Some(json!(100));
    let ways = PluginWays { mode: "oauth", expires_in, ..PluginWays::default() };
    let house = House::on(setup, ways).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let (client, path) = (house.server.with_bearer(&house.key), House::todos(&connection));
    clock.leap(Duration::from_secs(90));
    house.plugin.hold(true);
    let still = client.get(&path).await.unwrap();
    assert_eq!(still.status, 200, "what still counts is used: {}", still.text);
    clock.leap(Duration::from_secs(20));
    let late = client.get(&path).await.unwrap();
    assert_eq!(late.status, 504, "{}", late.text);
    assert!(late.text.contains("Todo list") && !late.text.contains("canary"), "{}", late.text);
    assert_eq!(house.entries_in("failed", 1).await.len(), 1);
    house.plugin.hold(false);
    assert_eq!(client.get(&path).await.unwrap().status, 200);
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one refresh for all three");
}
