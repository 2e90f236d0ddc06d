//! Requests and tokens per minute, and calls at the same time.

use std::time::Duration;

use tollgate_kernel::Rates;
use tollgate_testkit::{Answer, Client, Engine, KeySpec, PlanSpec, TestServer, chat_body};

use super::both::until;

async fn client(server: &TestServer, name: &str, rates: Rates) -> Client {
    let spec = PlanSpec { rates, ..PlanSpec::default() };
    server.add_plan(name, &spec).await.unwrap();
    let user = server.add_user(&format!("{name}@example.com"), Some(name)).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    server.with_bearer(&key)
}

fn is_rate_limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.code(), "rate_limit_exceeded");
    assert_eq!(answer.json()["error"]["type"], "rate_limit_exceeded");
}

#[tokio::test]
async fn requests_per_minute() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let rates = Rates { requests_per_minute: Some(3), ..Rates::default() };
    let client = client(&server, "alice", rates).await;
    for left in ["2", "1", "0"] {
        let answer = client.chat("tollgate-demo", 5).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "3");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), "", "there is no such limit");
    }
    let refused = client.chat("tollgate-demo", 5).await.unwrap();
    is_rate_limited(&refused);
    let wait_s: u64 = refused.header("retry-after").parse().unwrap();
    let wait_ms: u64 = refused.header("retry-after-ms").parse().unwrap();
    assert!((1..=20).contains(&wait_s), "{wait_s}");
    assert_eq!(wait_s, wait_ms.div_ceil(1_000), "both say the same");
    assert_eq!(refused.header("x-should-retry"), "", "a retry may succeed");
    assert!(refused.message().contains("3 requests per minute"), "{}", refused.message());
    assert_eq!(server.entries(3).await.unwrap().len(), 3);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn tokens_per_minute_take_the_hold_and_give_back_the_rest() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let hold = chat_body("tollgate-demo", 300).to_string().len() + 300;
    let limit = u32::try_from(hold + 20).unwrap();
    let rates = Rates { tokens_per_minute: Some(limit), ..Rates::default() };
    let client = client(&server, "alice", rates).await;
    let first = client.chat("tollgate-demo", 300).await.unwrap();
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("x-ratelimit-limit-tokens"), limit.to_string());
    // The whole hold was taken; a fraction of a token is rounded against the caller.
    let left = first.header("x-ratelimit-remaining-tokens");
    assert!(left == "20" || left == "19", "{left}");

    // It came to far less than its hold. So much is left that a call of half the size fits.
    let used = first.json()["usage"]["total_tokens"].as_u64().unwrap();
    assert!(used < 60, "{used}");
    let refused = client.chat("tollgate-demo", 300).await.unwrap();
    is_rate_limited(&refused);
    assert_eq!(refused.header("x-should-retry"), "");
    assert_eq!(client.chat("tollgate-demo", 200).await.unwrap().status, 200);

    // What can never fit is not worth a retry.
    let never = client.chat("tollgate-demo", 4_000).await.unwrap();
    is_rate_limited(&never);
    assert_eq!(never.header("x-should-retry"), "false");
    assert!(never.header("retry-after").parse::<u64>().unwrap() > 60);
    assert!(never.message().contains("ask for fewer tokens"), "{}", never.message());
    server.stop().await.unwrap();
}

/// The limit, what is left and whether a reset is told, for requests and for tokens.
fn standing(answer: &Answer) -> [(String, String, bool); 2] {
    ["requests", "tokens"].map(|what| {
        let of = |part: &str| answer.header(&format!("x-ratelimit-{part}-{what}")).to_owned();
        (of("limit"), of("remaining"), of("reset").ends_with('s'))
    })
}

#[tokio::test]
async fn a_refusal_tells_what_both_rates_have_left() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let rates = |requests, tokens| Rates {
        requests_per_minute: Some(requests),
        tokens_per_minute: Some(tokens),
        ..Rates::default()
    };
    let row = |limit: &str, left: &str| (limit.to_owned(), left.to_owned(), true);

    let few = client(&server, "few", rates(1, 1_000_000)).await;
    assert_eq!(few.chat("tollgate-demo", 5).await.unwrap().status, 200);
    let refused = few.chat("tollgate-demo", 5).await.unwrap();
    is_rate_limited(&refused);
    assert!(refused.message().contains("1 requests per minute"), "{}", refused.message());
    let [requests, tokens] = standing(&refused);
    assert_eq!(requests, row("1", "0"));
    assert_eq!((tokens.0.as_str(), tokens.2), ("1000000", true));
    let left: u64 = tokens.1.parse().unwrap();
    assert!((999_000..=1_000_000).contains(&left), "{left}");

    let small = client(&server, "small", rates(50, 100)).await;
    let refused = small.chat("tollgate-demo", 4_000).await.unwrap();
    is_rate_limited(&refused);
    assert!(refused.message().contains("100 tokens per minute"), "{}", refused.message());
    assert_eq!(standing(&refused), [row("50", "50"), row("100", "100")], "nothing was taken");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn calls_at_the_same_time() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    server.mocks(&[("slow", "chunks=3,slow-tail=500ms")]).await.unwrap();
    let rates = Rates { concurrent: Some(2), ..Rates::default() };
    let client = client(&server, "alice", rates).await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.chat_stream("slow", 50).await.unwrap() })
        })
        .collect();
    let both = || async { server.model.totals().open == 2 };
    assert!(until(Duration::from_secs(2), both).await);
    let refused = client.chat("tollgate-demo", 5).await.unwrap();
    is_rate_limited(&refused);
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.message().contains("2 calls at the same time"));
    for call in slow {
        assert_eq!(call.await.unwrap().status, 200);
    }
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert_eq!(server.entries(3).await.unwrap().len(), 3);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_has_rates_of_its_own_and_users_do_not_share_theirs() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let rates = |n| Rates { requests_per_minute: Some(n), ..Rates::default() };
    let spec = PlanSpec { rates: rates(3), ..PlanSpec::default() };
    server.add_plan("three", &spec).await.unwrap();
    let alice = server.add_user("alice@example.com", Some("three")).await.unwrap();
    let bob = server.add_user("bob@example.com", Some("three")).await.unwrap();
    let spec = KeySpec { rates: rates(1), ..KeySpec::default() };
    let (_, narrow) = server.add_key(alice, &spec).await.unwrap();
    let (_, wide) = server.add_key(alice, &KeySpec::default()).await.unwrap();
    let (_, bobs) = server.add_key(bob, &KeySpec::default()).await.unwrap();
    let statuses = async |key: &str, calls: usize| {
        let client = server.with_bearer(key);
        let mut statuses = Vec::new();
        for _ in 0..calls {
            statuses.push(client.chat("tollgate-demo", 5).await.unwrap().status);
        }
        statuses
    };
    assert_eq!(statuses(&narrow, 2).await, [200, 429]);
    // The refused call took nothing from the plan, whose rate counts for all keys together.
    assert_eq!(statuses(&wide, 3).await, [200, 200, 429]);
    assert_eq!(statuses(&bobs, 4).await, [200, 200, 200, 429]);
    server.stop().await.unwrap();
}
