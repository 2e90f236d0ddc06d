//! Crash reserves: what a crash may have hidden, and its release by the owner.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_root::Root;
use tollgate_store::AuditEvent;
use tollgate_store::ledger::{self, AccountRef, Batch, Refill};
use tollgate_testkit::{Client, Engine, TestServer};

use super::until;

async fn release(client: &Client, call: &str) -> (u16, Value) {
    let path = format!("/api/v1/entries/{call}/release");
    let answer = client.post(&path, &json!({})).await.unwrap();
    (answer.status, answer.json())
}

async fn releases(admin: &Client) -> usize {
    let list = admin.get("/api/v1/audit?action=entry.release").await.unwrap().json();
    list["items"].as_array().expect("a list").len()
}

/// A server after a crash that left a reserve in each of Alice's two budgets, and her key.
async fn after_a_crash(engine: Engine) -> (TestServer, String) {
    let budget = |unit| Budget { unit, limit: 1_000, period: Period::Month };
    let server = TestServer::start(engine).await.unwrap();
    let budgets = vec![budget(Unit::Tokens), budget(Unit::Calls)];
    let (_, key) = server.caller("alice", budgets).await.unwrap();
    let accounts: Vec<AccountRef> =
        server.limits(&key).await.unwrap().iter().map(|it| (&*it.account).into()).collect();
    let (clock, rng) = (server.gate.clock().clone(), server.gate.rng().clone());
    let crash = async move |target| {
        let (_, source) = ledger::open(&Root::new(), target, clock, rng).await?;
        let (mut store, _) = source.open().await?;
        let refill = |account| Refill { account, limit: 1_000, hold: 10, risk: 100 };
        let refills = accounts.into_iter().map(refill).collect();
        store.commit(&Batch { refills, ..Batch::default() }).await.map(drop)
    };
    (server.restart_after(crash).await.unwrap(), key)
}

pub(crate) async fn the_owner_releases_what_a_crash_may_have_hidden(engine: Engine) {
    let (server, key) = after_a_crash(engine).await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let used = async |unit| {
        let limits = server.limits(&key).await.unwrap();
        limits.iter().find(|it| it.account.unit == unit).map(|it| it.used)
    };
    let entries = server.entries(2).await.unwrap();
    assert!(entries.iter().all(|entry| entry.state == EntryState::CrashReserve), "{entries:?}");
    let of = |unit| entries.iter().find(|e| e.budget.as_ref().is_some_and(|b| b.contains(unit)));
    let tokens = of("/tokens/").expect("a reserve of tokens");
    let calls = of("/calls/").expect("a reserve of calls").call_id.clone();
    assert_eq!((tokens.charged_tokens, tokens.hold_tokens), (100, 100));
    assert_eq!((used(Unit::Tokens).await, used(Unit::Calls).await), (Some(100), Some(100)));

    // Alice may look at it, and no more.
    let alice = server.with_bearer(&key);
    assert_eq!(release(&alice, &tokens.call_id).await.0, 403);
    assert_eq!(release(&server.anonymous(), &tokens.call_id).await.0, 401);
    let (status, entry) = release(&admin, &tokens.call_id).await;
    assert_eq!(status, 200, "{entry}");
    assert_eq!(entry["state"], "crash_reserve");
    assert_eq!((&entry["charged_tokens"], &entry["hold_tokens"]), (&json!(0), &json!(100)));
    let released_at = entry["released_at"].as_str().expect("a moment").to_owned();
    assert_eq!((used(Unit::Tokens).await, used(Unit::Calls).await), (Some(0), Some(100)));
    let (status, again) = release(&admin, &tokens.call_id).await;
    assert_eq!((status, again["released_at"].as_str()), (200, Some(&*released_at)));
    assert_eq!(used(Unit::Tokens).await, Some(0), "once");
    assert_eq!(releases(&admin).await, 1);

    // Other entries are not for this, nor what is no entry.
    assert_eq!(alice.chat("tollgate-demo", 5).await.unwrap().status, 200);
    let call = server.entries(3).await.unwrap().remove(0);
    assert_eq!(release(&admin, &call.call_id).await.0, 409);
    let nobody = tollgate_kernel::CallId::new(&**server.gate.clock(), &**server.gate.rng());
    assert_eq!(release(&admin, &nobody.to_string()).await.0, 404);
    assert_eq!(release(&admin, "x").await.0, 404);

    // Noted with its audit record, and then the server died: the next one makes it good.
    let mut tx = server.gate.begin(&server.system).await.unwrap();
    tx.note_release(calls.parse().unwrap()).await.unwrap();
    tx.commit(AuditEvent::new("entry.release", format!("entry:{calls}"))).await.unwrap();
    let server = server.restart().await.unwrap();
    let given_back = async || {
        let limits = server.limits(&key).await.unwrap();
        // The call that Alice made is all that is left.
        limits.iter().any(|it| it.account.unit == Unit::Calls && it.used == 1)
    };
    assert!(until(Duration::from_secs(10), given_back).await);
    let warrant = &server.system;
    let forgotten = async || server.gate.read(warrant).releases().await.unwrap().is_empty();
    assert!(until(Duration::from_secs(10), forgotten).await);
    server.stop().await.unwrap();
}
