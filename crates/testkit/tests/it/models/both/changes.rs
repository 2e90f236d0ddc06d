//! Budgets whose limit changes, that run dry, that live through a restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_testkit::{Engine, KeySpec, PlanSpec, TestServer, count};

use super::until;

/// How long a change may take until it counts; a second is what is promised.
const PATIENCE: Duration = Duration::from_secs(5);

fn calls(limit: i64) -> PlanSpec {
    let budgets = vec![Budget { unit: Unit::Calls, limit, period: Period::Week }];
    PlanSpec { budgets, ..PlanSpec::default() }
}

pub(crate) async fn a_raised_limit_lets_calls_in_at_once(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", calls(3).budgets).await.unwrap();
    let client = server.with_bearer(&key);
    for (limit, from) in [(3, 0), (5, 3), (40, 5)] {
        server.change_plan("alice", &calls(limit)).await.unwrap();
        for at in from..limit {
            let answer = client.chat("tollgate-demo", 5).await.unwrap();
            assert_eq!(answer.status, 200, "call {at} of {limit}: {}", answer.text);
        }
        let refused = client.chat("tollgate-demo", 5).await.unwrap();
        assert_eq!(refused.code(), "insufficient_quota", "beyond {limit}: {}", refused.text);
    }
    server.stop().await.unwrap();
}

pub(crate) async fn a_lowered_limit_refuses_at_once(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", calls(1_000).budgets).await.unwrap();
    let client = server.with_bearer(&key);
    for _ in 0..10 {
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    // The node holds a slice of hundreds by now, which must not count any more.
    server.change_plan("alice", &calls(12)).await.unwrap();
    for _ in 10..12 {
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().code(), "insufficient_quota");
    server.change_plan("alice", &calls(4)).await.unwrap();
    let refused = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(refused.code(), "insufficient_quota");
    assert!(refused.message().contains("Left: 0 calls."), "{}", refused.message());
    server.change_plan("alice", &calls(13)).await.unwrap();
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().code(), "insufficient_quota");
    let [budget] = &server.settled_limits(&key).await.unwrap()[..] else { panic!("one budget") };
    assert_eq!((budget.used, budget.limit), (13, 13));
    server.stop().await.unwrap();
}

/// Many plans change at the same time, and whoever changed one finds it changed.
pub(crate) async fn changes_at_once_all_count(engine: Engine) {
    const PLANS: usize = 8;
    const CHANGES: i64 = 25;
    let server = Arc::new(TestServer::start(engine).await.unwrap());
    let mut owners = JoinSet::new();
    for plan in 0..PLANS {
        let name = format!("plan-{plan}");
        let (_, key) = server.caller(&name, calls(1).budgets).await.unwrap();
        let server = server.clone();
        owners.spawn(async move {
            for limit in 2..CHANGES {
                server.change_plan(&name, &calls(limit)).await.unwrap();
                let limits = server.limits(&key).await.unwrap();
                assert_eq!(limits[0].limit, limit, "of {name}, as it was just set");
            }
        });
    }
    while let Some(done) = owners.join_next().await {
        done.unwrap();
    }
    Arc::into_inner(server).unwrap().stop().await.unwrap();
}

/// A change that is told of while the policy cannot be read, as when the store is away for a
/// moment, is not told of again.
pub(crate) async fn m7_a_change_that_could_not_be_read_counts_when_it_can(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let (other_id, other) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let (client, other) = (server.with_bearer(&key), server.with_bearer(&other));
    for client in [&client, &other] {
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    server.database().run("ALTER TABLE settings RENAME TO settings_away").await.unwrap();
    let nothing = PlanSpec { models: vec!["none"], ..PlanSpec::default() };
    server.change_plan("alice", &nothing).await.unwrap();
    // When this bites, what came before it was told.
    server.revoke_key(other_id).await.unwrap();
    let refused = || async { other.chat("tollgate-demo", 5).await.unwrap().status == 401 };
    assert!(until(PATIENCE, refused).await);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    server.database().run("ALTER TABLE settings_away RENAME TO settings").await.unwrap();
    let unknown = || async { client.chat("tollgate-demo", 5).await.unwrap().status == 404 };
    assert!(until(PATIENCE, unknown).await);
    server.stop().await.unwrap();
}

pub(crate) async fn a_restart_keeps_what_was_spent(engine: Engine) {
    // More accounts than leases are given back in one commit.
    const KEYS: usize = 530;
    let server = TestServer::start(engine).await.unwrap();
    server.add_plan("free", &PlanSpec::default()).await.unwrap();
    let user = server.add_user("alice@example.com", Some("free")).await.unwrap();
    let spec = KeySpec { budgets: calls(20).budgets, ..KeySpec::default() };
    let mut keys = Vec::new();
    // A transaction has two seconds, on a busy machine too.
    while keys.len() < KEYS {
        keys.extend(server.add_keys(user, &spec, KEYS / 10).await.unwrap());
    }
    let client = server.anonymous();
    let callers = keys.chunks(KEYS.div_ceil(16)).map(|keys| {
        let clients: Vec<_> = keys.iter().map(|key| client.with(key)).collect();
        tokio::spawn(async move {
            for client in clients {
                assert_eq!(client.chat("tollgate-demo", 2).await.unwrap().status, 200);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let server = server.restart().await.unwrap();
    let entries = server.entries(KEYS).await.unwrap();
    assert_eq!(count(&entries, EntryState::Settled), KEYS, "and no reserve of a crash");
    for key in keys.iter().step_by(97) {
        let [budget] = &server.settled_limits(key).await.unwrap()[..] else { panic!("one") };
        assert_eq!((budget.used, budget.held), (1, 0));
    }
    server.stop().await.unwrap();
}
