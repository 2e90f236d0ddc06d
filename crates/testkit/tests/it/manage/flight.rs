//! Calls in flight: their entries, what they hold, and whose limits that is taken from.

use std::time::Duration;

use serde_json::Value;
use tollgate_gate::DrainBounds;
use tollgate_kernel::{Budget, Period, Unit};
use tollgate_testkit::{Client, Engine, Setup, TestServer};

use crate::models::both::until;

async fn items(client: &Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()["items"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_is_an_open_entry_that_holds_money() {
    let prices = Some("model,also_matches,input,output\npriced,mock/*,1,4\n");
    let drain = DrainBounds { time: Duration::from_millis(500), ..DrainBounds::default() };
    let setup = Setup { prices, drain, ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("slow", "chunks=3,slow-tail=60s"), ("quick", "chunks=2")]).await.unwrap();
    let budgets = vec![Budget { unit: Unit::Tokens, limit: 100_000, period: Period::Day }];
    let (user, key) = server.caller("alice", budgets).await.unwrap();
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let alice = server.with_bearer(&key);
    assert_eq!(alice.chat("quick", 50).await.unwrap().status, 200);
    let call = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.chat_stream("slow", 50).await })
    };
    let is_open = async || !items(&admin, "/api/v1/entries?state=open").await.is_empty();
    assert!(until(Duration::from_secs(10), is_open).await);
    let settled = async || !items(&admin, "/api/v1/entries?state=settled").await.is_empty();
    assert!(until(Duration::from_secs(10), settled).await);

    let open = items(&admin, &format!("/api/v1/entries?state=open&user={user}&model=slow")).await;
    let [open] = &open[..] else { panic!("one call is open: {open:?}") };
    let hold = open["hold_nano"].as_i64().expect("money");
    assert!(hold > 0 && open["hold_tokens"].as_i64() > Some(50), "{open}");
    assert_eq!((&open["cost_nano"], &open["upstream"]), (&Value::Null, &"demo".into()));
    assert_eq!(open["usage"]["output_tokens"], 0);
    let both = items(&admin, "/api/v1/entries").await;
    let states: Vec<_> = both.iter().map(|entry| entry["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "settled"], "newest first");
    assert_eq!(items(&alice, "/api/v1/entries?state=open").await.len(), 1, "her own");
    let (_, bobs) = server.caller("bob", Vec::new()).await.unwrap();
    let bob = server.with_bearer(&bobs);
    assert_eq!(items(&bob, "/api/v1/entries?state=open").await.len(), 0);
    for other in ["model=quick", "upstream=other", "attempt=2", "excess=true", "from=2999-01-01"] {
        let path = format!("/api/v1/entries?state=open&{other}");
        let time = if other.starts_with("from") { "T00:00:00Z" } else { "" };
        assert_eq!(items(&admin, &format!("{path}{time}")).await.len(), 0, "{other}");
    }

    let usage = items(&admin, "/api/v1/usage?by=model").await;
    let of = |model: &str| usage.iter().find(|row| row["model"] == model).expect("a row").clone();
    let (slow, quick) = (of("slow"), of("quick"));
    assert_eq!((slow["calls"].as_i64(), slow["held_nano"].as_i64()), (Some(0), Some(hold)));
    assert_eq!((quick["calls"].as_i64(), quick["held_nano"].as_i64()), (Some(1), Some(0)));
    let csv = admin.get("/api/v1/usage?by=user&format=csv").await.unwrap().text;
    assert!(csv.lines().any(|line| line.contains(&format!(",{hold},"))), "{csv}");

    let limits = items(&admin, &format!("/api/v1/limits?user={user}")).await;
    let [tokens] = &limits[..] else { panic!("one budget: {limits:?}") };
    assert_eq!(tokens["held"], open["hold_tokens"], "what others see of it");
    assert_eq!(limits, items(&alice, "/api/v1/me/limits").await);

    call.abort();
    let over = async || items(&admin, "/api/v1/entries?state=open").await.is_empty();
    assert!(until(Duration::from_secs(20), over).await, "the drainer gives up in time");
    let usage = items(&admin, "/api/v1/usage?by=model").await;
    assert!(usage.iter().all(|row| row["held_nano"] == 0), "{usage:?}");
    server.stop().await.unwrap();
}
