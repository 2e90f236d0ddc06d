//! What happens while a credential is looked up.

use std::time::Duration;

use tollgate_testkit::{Engine, KeySpec, TestServer};

use crate::both::until;

/// Shorter than a statement may wait for a lock.
const SOON: Duration = Duration::from_millis(1_500);

/// Whether somebody waits for a lock.
const WAITS: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t24_a_key_that_is_revoked_while_it_is_looked_up_is_refused() {
    let server = TestServer::start(Engine::Postgres).await.unwrap();
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let (other_id, other) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let (id, unseen) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let (other, unseen) = (server.with_bearer(&other), server.with_bearer(&unseen));
    assert_eq!(server.with_bearer(&key).chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert_eq!(other.chat("tollgate-demo", 5).await.unwrap().status, 200);

    // The key itself is read by then, and its holder's groups are waited for.
    let locked = server.database().lock_table("group_members").await.unwrap();
    let call = tokio::spawn(async move { unseen.chat("tollgate-demo", 5).await.unwrap() });
    let waits = || async { server.database().ask(WAITS).await.unwrap().trim() == "1" };
    assert!(until(SOON, waits).await);
    server.revoke_key(id).await.unwrap();
    // When this one's end is known, so is the other's.
    server.revoke_key(other_id).await.unwrap();
    let is_heeded = || async { other.get("/v1/models").await.unwrap().status == 401 };
    assert!(until(SOON, is_heeded).await);
    locked.release().await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text);
    server.stop().await.unwrap();
}
