//! Budgets: whose, in which unit, and what a refusal says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tollgate_kernel::{
    Budget, CallId, Called, Charged, EntryKey, EntryState, Period, RequestId, Unit,
};
use tollgate_root::Root;
use tollgate_server::demo_model::{self, DemoModel};
use tollgate_store::ledger::{self, Batch, Opened, Record};
use tollgate_testkit::{Engine, KeySpec, PlanSpec, Setup, TestServer, chat_body, count};

use super::overshoot::watch;
use super::until;

/// A dollar for a million tokens of input, two for a million of output.
const PRICES: &str = "model,also_matches,input,output\nmock,mock/*,1,2\n";

fn budget(unit: Unit, limit: i64) -> Budget {
    Budget { unit, limit, period: Period::Day }
}

/// The bytes of the usual call of `model`.
fn bytes(model: &str, max_tokens: u64) -> i64 {
    i64::try_from(chat_body(model, max_tokens).to_string().len()).unwrap()
}

pub(crate) async fn several_scopes_are_held_at_once(engine: Engine) {
    let setup = Setup { prices: Some(PRICES), ..Setup::on(engine) };
    let server = Arc::new(TestServer::start_as(setup).await.unwrap());
    server.mocks(&[("whole", "spend=hold,input=10,delay=10ms")]).await.unwrap();
    let hold_nano = bytes("whole", 50) * 1_000 + 50 * 2_000;
    let spent_nano = 10 * 1_000 + 50 * 2_000;

    // The user may make 30 calls, the key 20, and there is money for a few more than ten.
    let plan = PlanSpec { budgets: vec![budget(Unit::Calls, 30)], ..PlanSpec::default() };
    server.add_plan("alice", &plan).await.unwrap();
    let user = server.add_user("alice@example.com", Some("alice")).await.unwrap();
    let spec = KeySpec { budgets: vec![budget(Unit::Calls, 20)], ..KeySpec::default() };
    let (_, key) = server.add_key(user, &spec).await.unwrap();
    let money = 12 * spent_nano + (hold_nano - spent_nano);
    server.set_installation_budgets(&[budget(Unit::Money, money)]).await.unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(server.clone(), key.clone(), over.clone()));
    let client = server.with_bearer(&key);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.chat("whole", 50).await.unwrap() })
        })
        .collect();
    let mut good = 0;
    for call in calls {
        good += i64::from(call.await.unwrap().status == 200);
    }
    // Some were refused while others held more than they spent; one more than fits ends it.
    while good <= 12 && client.chat("whole", 50).await.unwrap().status == 200 {
        good += 1;
    }
    assert_eq!(good, 12, "as many as the money is enough for");
    over.store(true, Ordering::SeqCst);
    assert!(watching.await.unwrap() > 5, "looks at the budgets");

    let entries = server.entries(12).await.unwrap();
    assert!(entries.iter().all(|entry| entry.charged_nano == spent_nano));
    let limits = server.settled_limits(&key).await.unwrap();
    assert_eq!(limits.len(), 3);
    for limit in limits {
        let used = if limit.account.unit == Unit::Money { 12 * spent_nano } else { 12 };
        assert_eq!((limit.used, limit.held), (used, 0), "{limit:?}");
    }
    Arc::into_inner(server).unwrap().stop().await.unwrap();
}

pub(crate) async fn each_unit_has_its_budget(engine: Engine) {
    let setup = Setup { prices: Some(PRICES), ..Setup::on(engine) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("whole", "spend=hold,input=10")]).await.unwrap();
    let hold = bytes("whole", 50) + 50;
    let hold_nano = bytes("whole", 50) * 1_000 + 50 * 2_000;
    for (name, unit, limit, used) in [
        ("calls", Unit::Calls, 2, 2),
        ("tokens", Unit::Tokens, hold + 60, 120),
        ("money", Unit::Money, hold_nano + 110_000, 220_000),
    ] {
        let (_, key) = server.caller(name, vec![budget(unit, limit)]).await.unwrap();
        let client = server.with_bearer(&key);
        for _ in 0..2 {
            let answer = client.chat("whole", 50).await.unwrap();
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        }
        let refused = client.chat("whole", 50).await.unwrap();
        assert_eq!(refused.status, 429, "{name}");
        assert_eq!(refused.json()["error"]["type"], "insufficient_quota", "{name}");
        assert_eq!(refused.code(), "insufficient_quota", "{name}");
        assert_eq!(refused.header("x-should-retry"), "false", "{name}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=86_400).contains(&wait), "{name}: {wait} s until the day is over");
        let limits = server.settled_limits(&key).await.unwrap();
        assert_eq!(limits[0].used, used, "{name}");
    }
    server.stop().await.unwrap();
}

pub(crate) async fn a_refusal_says_what_would_fit(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let limit = bytes("tollgate-demo", 500) + 37;
    let (_, key) = server.caller("alice", vec![budget(Unit::Tokens, limit)]).await.unwrap();
    let client = server.with_bearer(&key);

    let refused = client.chat("tollgate-demo", 500).await.unwrap();
    assert_eq!(refused.status, 429);
    let words = refused.message();
    let hold = bytes("tollgate-demo", 500) + 500;
    for part in [
        format!("up to {hold} tokens"),
        format!("Left: {limit} tokens."),
        "at most 37".to_owned(),
        "your plan".to_owned(),
    ] {
        assert!(words.contains(&part), "{part}: {words}");
    }
    // One more than that does not fit either (three digits, as many bytes as before).
    assert_eq!(client.chat("tollgate-demo", 138).await.unwrap().status, 429);
    let answer = client.chat("tollgate-demo", 37).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.stop().await.unwrap();
}

pub(crate) async fn what_is_in_use_comes_back(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    server.mocks(&[("slow", "chunks=3,slow-tail=600ms")]).await.unwrap();
    let limit = bytes("slow", 50) + 50;
    let (_, key) = server.caller("alice", vec![budget(Unit::Tokens, limit)]).await.unwrap();
    let client = server.with_bearer(&key);

    let first = client.clone();
    let first = tokio::spawn(async move { first.chat("slow", 50).await.unwrap() });
    let held = || async { server.limits(&key).await.unwrap()[0].held == limit };
    assert!(until(Duration::from_secs(2), held).await, "the first call holds all");
    let second = client.chat("tollgate-demo", 2).await.unwrap();
    assert_eq!(second.status, 429);
    assert_eq!(second.code(), "budget_in_use", "{}", second.text);
    assert_eq!(second.json()["error"]["type"], "rate_limit_exceeded");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(second.header("x-should-retry"), "", "a retry may succeed");

    assert_eq!(first.await.unwrap().status, 200);
    let third = client.chat("tollgate-demo", 2).await.unwrap();
    assert_eq!(third.status, 200, "{}", third.text);
    server.stop().await.unwrap();
}

pub(crate) async fn groups_models_and_the_installation_have_budgets_too(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (alice, alices) = server.caller("alice", Vec::new()).await.unwrap();
    let (bob, bobs) = server.caller("bob", Vec::new()).await.unwrap();
    let (_, carols) = server.caller("carol", Vec::new()).await.unwrap();
    let pool = vec![budget(Unit::Calls, 3)];
    server.add_group("friends", pool, &[alice, bob]).await.unwrap();
    let two = vec![budget(Unit::Calls, 2)];
    server.add_model("scarce", "demo", "tollgate-demo", two).await.unwrap();
    server.add_model("plenty", "demo", "mock/chunks=1", Vec::new()).await.unwrap();
    server.set_installation_budgets(&[budget(Unit::Calls, 6)]).await.unwrap();

    let call = async |key: &str, model: &str| {
        let answer = server.with_bearer(key).chat(model, 5).await.unwrap();
        if answer.status == 200 { String::new() } else { answer.message() }
    };
    assert_eq!(call(&alices, "scarce").await, "");
    assert_eq!(call(&carols, "scarce").await, "");
    let words = call(&carols, "scarce").await;
    assert!(words.contains("budget of this model"), "{words}");
    let words = call(&carols, "tollgate-demo").await;
    assert!(words.contains("budget of this model"), "by its own name: {words}");
    assert_eq!(call(&bobs, "plenty").await, "");
    assert_eq!(call(&alices, "plenty").await, "");
    let words = call(&bobs, "plenty").await;
    assert!(words.contains("budget of your group"), "{words}");
    assert_eq!(call(&carols, "plenty").await, "");
    assert_eq!(call(&carols, "plenty").await, "");
    let words = call(&carols, "plenty").await;
    assert!(words.contains("budget of this installation"), "{words}");
    assert_eq!(server.entries(6).await.unwrap().len(), 6);
    server.stop().await.unwrap();
}

/// Two upstreams have one model, and a name for the second's has a budget: calls that the first
/// answers neither use it up nor are refused by it.
pub(crate) async fn a_models_budget_counts_where_it_answers(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    let second = DemoModel::start(demo_model::Options::default()).await.unwrap();
    server.add_upstream("other", &second.base_url(), "sk-another-key").await.unwrap();
    server.gate.refresh_lists().await;
    let two = vec![budget(Unit::Calls, 2)];
    server.add_model("scarce", "other", "tollgate-demo", two).await.unwrap();
    let status = async |model: &str| client.chat(model, 5).await.unwrap().status;
    for _ in 0..3 {
        assert_eq!(status("tollgate-demo").await, 200, "held for both, charged to none");
    }
    server.entries(3).await.unwrap();
    assert_eq!(status("scarce").await, 200);
    assert_eq!(status("scarce").await, 200);
    assert_eq!(status("scarce").await, 429);
    assert_eq!(status("tollgate-demo").await, 200, "the second alone is not asked");
    let entries = server.entries(6).await.unwrap();
    let of = |id| entries.iter().filter(|entry| entry.upstream.as_deref() == Some(id)).count();
    assert_eq!((of("demo"), of("other")), (4, 2));
    second.stop().await;
    server.stop().await.unwrap();
}

/// Opens two attempts of one call in the journal, as if the server had died in the second, before
/// the entry of the first was written.
async fn died_in_the_second_attempt(server: TestServer) -> TestServer {
    let (clock, rng) = (server.gate.clock().clone(), server.gate.rng().clone());
    let call = CallId::new(&*clock, &*rng);
    let opened = |attempt| {
        let opened = Opened {
            key: EntryKey { call, attempt },
            at: clock.now(),
            request: RequestId::from_uuid(call.uuid()),
            user: None,
            client: None,
            api_key: None,
            group: None,
            called: Called::Model("cut-off".into()),
            upstream: None,
            priced: false,
            hold: Charged::default(),
            legs: Vec::new(),
        };
        Record::Open(Arc::new(opened))
    };
    let batch = Batch { records: vec![opened(1), opened(2)], ..Batch::default() };
    let crash = async move |target| {
        let (_, source) = ledger::open(&Root::new(), target, clock, rng).await?;
        let (mut store, _) = source.open().await?;
        store.commit(&batch).await.map(drop)
    };
    server.restart_after(crash).await.unwrap()
}

/// A call that two upstreams could not answer is two entries and one call; so is one that a crash
/// cut off in its second attempt.
pub(crate) async fn usage_counts_calls_and_not_attempts(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    for id in ["dead", "gone"] {
        // Port 1 is nobody's; what is not listed by anyone is asked of those without a list.
        server.add_upstream(id, "http://127.0.0.1:1/v1", "sk-nobodys-key").await.unwrap();
    }
    let client = server.with_bearer(&key);
    assert_eq!(client.chat("unlisted", 5).await.unwrap().status, 502);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert_eq!(server.entries(3).await.unwrap().len(), 3);
    let server = died_in_the_second_attempt(server).await;
    let entries = server.entries(5).await.unwrap();
    assert_eq!(count(&entries, EntryState::Interrupted), 2);
    assert_eq!(entries.iter().filter(|entry| entry.cost_nano.is_none()).count(), 5);

    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let sums = async |by: &str| {
        let answer = admin.get(&format!("/api/v1/usage?by={by}")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let rows = answer.json()["items"].as_array().unwrap().clone();
        let figures = ["calls", "unpriced", "estimated", "interrupted"];
        let sums = |row: &Value| figures.map(|name| row[name].as_i64().unwrap());
        rows.iter().map(sums).collect::<Vec<_>>()
    };
    assert_eq!(sums("day").await, [[3, 3, 0, 1]]);
    // The cut off one, the demo's, the one that nobody lists.
    assert_eq!(sums("model").await, [[1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 0, 0]]);
    server.stop().await.unwrap();
}
