//! What PostgreSQL alone has: connections to the database, which somebody cuts.

use tollgate_kernel::{Budget, Period, Unit};
use tollgate_testkit::{Engine, KeySpec, TestServer};

use crate::both::store_down::{a_dozen, comes_back, nothing_is_lost};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m7_cut_connections_come_back() {
    let server = TestServer::start(Engine::Postgres).await.unwrap();
    let limit = Budget { unit: Unit::Tokens, limit: 1_000_000, period: Period::Month };
    let (user, key) = server.caller("alice", vec![limit]).await.unwrap();
    let client = server.with_bearer(&key);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    for _ in 0..3 {
        assert!(server.database().cut_connections().await.unwrap() > 0, "there were some to cut");
        for answer in a_dozen(&client).await {
            assert!(matches!(answer.status, 200 | 503), "{} {}", answer.status, answer.text);
        }
        comes_back(&client).await;
        let (_, fresh) = server.add_key(user, &KeySpec::default()).await.unwrap();
        let answer = server.with_bearer(&fresh).chat("tollgate-demo", 5).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    nothing_is_lost(&server, &key).await;
    server.stop().await.unwrap();
}
