//! A ledger that cannot be written: calls are refused as our fault, nothing is lost, and all is
//! well
//! again soon after.

use std::time::{Duration, Instant};

use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_testkit::{Answer, Client, Engine, KeySpec, TestServer, count};

use super::until;

/// What the issue allows until calls are answered again.
const RECOVERY: Duration = Duration::from_secs(5);

pub(crate) fn is_our_fault(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.code(), "budget_unavailable", "{}", answer.text);
    assert_eq!(answer.json()["error"]["type"], "server_error");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(answer.header("x-should-retry"), "", "a retry may succeed");
}

pub(crate) async fn a_dozen(client: &Client) -> Vec<Answer> {
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.chat("tollgate-demo", 5).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

pub(crate) async fn comes_back(client: &Client) {
    let started = Instant::now();
    let good = || async { client.chat("tollgate-demo", 5).await.unwrap().status == 200 };
    assert!(until(RECOVERY, good).await, "calls are answered again");
    assert!(started.elapsed() <= RECOVERY, "{:?}", started.elapsed());
}

/// Every call that the provider answered has one entry, and the account has the sum of them.
pub(crate) async fn nothing_is_lost(server: &TestServer, key: &str) {
    // The provider counts a call when its answer is written: maybe later than a caller has it.
    let none_open = || async { server.model.totals().open == 0 };
    assert!(until(RECOVERY, none_open).await, "the provider is done");
    let reached = usize::try_from(server.model.totals().finished).unwrap();
    let entries = server.entries(reached).await.unwrap();
    assert_eq!(count(&entries, EntryState::Settled), reached, "{entries:#?}");
    let charged: i64 = entries.iter().map(|entry| entry.charged_tokens).sum();
    let totals = server.model.totals();
    assert_eq!(i64::try_from(totals.input_tokens + totals.output_tokens).unwrap(), charged);
    let [budget] = &server.settled_limits(key).await.unwrap()[..] else { panic!("one budget") };
    assert_eq!(budget.used, charged);
}

pub(crate) async fn m7_a_locked_ledger_is_unavailable_and_comes_back(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let limit = Budget { unit: Unit::Tokens, limit: 1_000_000, period: Period::Month };
    let (user, key) = server.caller("alice", vec![limit]).await.unwrap();
    let client = server.with_bearer(&key);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);

    let locked = server.database().lock_ledger().await.unwrap();
    for answer in a_dozen(&client).await {
        is_our_fault(&answer);
    }
    // By now it is known; new calls need not wait to be told, and no key becomes a wrong one.
    let (_, fresh) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let started = Instant::now();
    is_our_fault(&server.with_bearer(&fresh).chat("tollgate-demo", 5).await.unwrap());
    is_our_fault(&client.chat_stream("tollgate-demo", 5).await.unwrap());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(server.anonymous().get("/readyz").await.unwrap().status, 503);

    locked.release().await.unwrap();
    comes_back(&client).await;
    assert_eq!(server.anonymous().get("/readyz").await.unwrap().status, 200);
    assert!(a_dozen(&client).await.iter().all(|answer| answer.status == 200));
    nothing_is_lost(&server, &key).await;
    server.stop().await.unwrap();
}
