//! A database that says nothing: a network swallows packets, and no connection is closed. Nobody
//! waits for it for longer than a few seconds, and what it did before it fell silent counts once.

use std::time::{Duration, Instant};

use tollgate_kernel::{Budget, Period, Unit};
use tollgate_testkit::{Client, Engine, KeySpec, Line, Setup, TestServer};

use crate::both::store_down::{a_dozen, comes_back, is_our_fault, nothing_is_lost};
use crate::both::until;

/// PostgreSQL's answers to a commit, and to the ledger's first statement.
const COMMITTED: &str = "COMMIT\0";
const CHANGED: &str = "UPDATE 1\0";

/// How long anybody may wait for a store that is silent.
const FEW_SECONDS: Duration = Duration::from_secs(6);

async fn start() -> (TestServer, Client, String) {
    let setup = Setup { line: true, ..Setup::on(Engine::Postgres) };
    let server = TestServer::start_as(setup).await.unwrap();
    let limit = Budget { unit: Unit::Tokens, limit: 1_000_000, period: Period::Month };
    let (user, key) = server.caller("alice", vec![limit]).await.unwrap();
    let (_, unused) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let client = server.with_bearer(&key);
    assert!(a_dozen(&client).await.iter().all(|answer| answer.status == 200));
    (server, client, unused)
}

fn line(server: &TestServer) -> &Line {
    server.database().line().unwrap()
}

async fn status(client: &Client, path: &str) -> u16 {
    let asked = tokio::time::timeout(FEW_SECONDS, client.get(path));
    asked.await.expect("an answer in time").unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_a_silent_database_is_unavailable_and_comes_back() {
    let (server, client, unused) = start().await;
    line(&server).silence();

    // Some of these memory covers: they are sent, and wait for the journal.
    let answers = tokio::time::timeout(FEW_SECONDS, a_dozen(&client)).await;
    answers.expect("answers in time").iter().for_each(is_our_fault);
    // By now it is known: nothing waits, and nothing is sent.
    let sent = || {
        let totals = server.model.totals();
        totals.open + totals.finished
    };
    let before = sent();
    let started = Instant::now();
    a_dozen(&client).await.iter().for_each(is_our_fault);
    is_our_fault(&client.chat_stream("tollgate-demo", 5).await.unwrap());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(sent(), before);

    assert_eq!(status(&server.anonymous(), "/readyz").await, 503);
    assert_eq!(status(&server.anonymous(), "/livez").await, 200);
    // A key that is in no cache is not a wrong one.
    let cold = server.with_bearer(&unused);
    let answer = tokio::time::timeout(FEW_SECONDS, cold.chat("tollgate-demo", 5)).await;
    assert_eq!(answer.expect("an answer in time").unwrap().status, 503);
    let begun = tokio::time::timeout(FEW_SECONDS, server.gate.begin(&server.system)).await;
    assert!(begun.expect("an answer in time").is_err());

    // Nobody tells the connections that there were: they would be waited for for ever.
    line(&server).pass_anew();
    comes_back(&client).await;
    let ready = || async { status(&server.anonymous(), "/readyz").await == 200 };
    assert!(until(FEW_SECONDS, ready).await);
    assert!(a_dozen(&client).await.iter().all(|answer| answer.status == 200));
    assert_eq!(cold.chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert!(server.gate.begin(&server.system).await.is_ok());
    nothing_is_lost(&server, client.bearer()).await;
    server.stop().await.unwrap();
}

/// A commit that was done and whose answer never came is not done again: its outcome is looked up
/// on the next connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_a_commit_whose_answer_is_swallowed_counts_once() {
    let (server, client, _) = start().await;
    for _ in 0..3 {
        line(&server).silence_at(COMMITTED);
        let answers = tokio::time::timeout(FEW_SECONDS, a_dozen(&client)).await;
        answers.expect("answers in time").iter().for_each(is_our_fault);
        assert!(line(&server).is_silent());
        assert_eq!(status(&server.anonymous(), "/readyz").await, 503);

        line(&server).pass();
        comes_back(&client).await;
    }
    assert!(a_dozen(&client).await.iter().all(|answer| answer.status == 200));
    nothing_is_lost(&server, client.bearer()).await;
    server.stop().await.unwrap();
}

/// A transaction that was given up half-way keeps the locks of its rows until the database ends it,
/// which never hears of us again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_a_transaction_that_was_given_up_is_in_nobodys_way() {
    let (server, client, _) = start().await;
    line(&server).silence_at(CHANGED);
    let answers = tokio::time::timeout(FEW_SECONDS, a_dozen(&client)).await;
    answers.expect("answers in time").iter().for_each(is_our_fault);
    assert!(line(&server).is_silent());

    line(&server).pass_anew();
    comes_back(&client).await;
    nothing_is_lost(&server, client.bearer()).await;
    server.stop().await.unwrap();
}

/// A statement that waits for its answer while the line falls silent gives up, and so does the
/// transaction that it belongs to. Its connection does not come back to the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_what_is_asked_of_a_silent_database_ends() {
    let (server, client, _) = start().await;
    let open = server.gate.begin(&server.system).await.unwrap();
    line(&server).silence_at(COMMITTED);
    let event = tollgate_store::AuditEvent::new("test", "test:1");
    let done = tokio::time::timeout(FEW_SECONDS, open.commit(event)).await;
    assert!(done.expect("an answer in time").is_err());
    assert!(line(&server).is_silent());

    line(&server).pass_anew();
    comes_back(&client).await;
    let writes = || async { server.gate.begin(&server.system).await.is_ok() };
    assert!(until(FEW_SECONDS, writes).await);
    server.stop().await.unwrap();
}

/// The session that holds the lock of the one server fell silent, and the database does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_the_lock_of_a_silent_session_is_taken_again() {
    const HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let (server, client, _) = start().await;
    let before = server.database().ask(HOLDER).await.unwrap();
    assert!(!before.is_empty());
    line(&server).silence();
    line(&server).pass_anew();
    let is_held_anew = || async {
        let now = server.database().ask(HOLDER).await.unwrap();
        !now.is_empty() && now != before
    };
    // It is looked at every two seconds.
    assert!(until(2 * FEW_SECONDS, is_held_anew).await);
    // Nobody else had it: this server goes on writing.
    comes_back(&client).await;
    let writes = || async { server.gate.begin(&server.system).await.is_ok() };
    assert!(until(FEW_SECONDS, writes).await);
    nothing_is_lost(&server, client.bearer()).await;
    server.stop().await.unwrap();
}
