//! The three credentials of the models door, each all the way: an answer, an entry of the right
//! person or app, and the limits of the right plan.

use serde_json::{Value, json};
use tollgate_kernel::{Budget, EntryState, Period, Rates, Unit};
use tollgate_testkit::{Answer, Browser, Client, Engine, PlanSpec, TestServer, chat_body};

const CHAT: &str = "/v1/chat/completions";

fn calls(limit: i64) -> Vec<Budget> {
    vec![Budget { unit: Unit::Calls, limit, period: Period::Day }]
}

fn per_minute(requests: u32) -> Rates {
    Rates { requests_per_minute: Some(requests), ..Rates::default() }
}

async fn server() -> TestServer {
    TestServer::start(Engine::Sqlite).await.unwrap()
}

/// A call with the browser's session and nothing else.
async fn by_session(browser: &Browser) -> Answer {
    browser.post(CHAT, &chat_body("tollgate-demo", 5)).await.unwrap()
}

/// A client with an access token that this session was turned into.
async fn with_token(server: &TestServer, browser: &Browser) -> Client {
    let audience = json!({ "audience": format!("{}/v1", server.url) });
    let made = browser.post("/api/v1/tokens", &audience).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.text);
    let token = made.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3, "a JWT");
    server.with_bearer(&token)
}

fn is_refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (429, code), "{}", answer.text);
}

#[tokio::test]
async fn a_session_and_a_token_call_as_their_person_under_their_plan() {
    let server = server().await;
    let (alice, key) = server.caller("alice", calls(3)).await.unwrap();
    let browser = server.signed_in(alice).await.unwrap();
    let token = with_token(&server, &browser).await;
    let key = server.with_bearer(&key);
    let answers = [
        by_session(&browser).await,
        token.chat("tollgate-demo", 5).await.unwrap(),
        key.chat("tollgate-demo", 5).await.unwrap(),
    ];
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let usage = &answer.json()["usage"];
        let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
        assert_eq!(entry.state, EntryState::Settled, "{entry:?}");
        assert_eq!(entry.user.as_deref(), Some(alice.to_string().as_str()), "{entry:?}");
        assert_eq!(entry.client, None, "{entry:?}");
        assert_eq!(entry.key.is_some(), at == 2, "{entry:?}");
        assert_eq!(usage["prompt_tokens"], entry.usage.input_tokens, "{entry:?}");
        assert_eq!(usage["completion_tokens"], entry.usage.output_tokens, "{entry:?}");
    }
    // All three have used one budget up, and each of them is told so.
    is_refused(&by_session(&browser).await, "insufficient_quota");
    is_refused(&token.chat("tollgate-demo", 5).await.unwrap(), "insufficient_quota");
    is_refused(&key.chat("tollgate-demo", 5).await.unwrap(), "insufficient_quota");

    // To the provider they are one person.
    let seen = server.model.seen();
    let identities: Vec<Value> = seen
        .iter()
        .filter(|seen| seen.path.ends_with("/chat/completions"))
        .map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap()["user"].clone())
        .collect();
    assert_eq!(identities.len(), 3);
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_and_a_token_have_the_rates_and_models_of_their_plan() {
    let server = server().await;
    let spec =
        PlanSpec { rates: per_minute(2), models: vec!["tollgate-demo"], ..PlanSpec::default() };
    server.add_plan("slow", &spec).await.unwrap();
    let alice = server.add_user("alice@example.com", Some("slow")).await.unwrap();
    server.mocks(&[("other", "chunks=1")]).await.unwrap();
    let browser = server.signed_in(alice).await.unwrap();
    let token = with_token(&server, &browser).await;
    let missing = browser.post(CHAT, &chat_body("other", 5)).await.unwrap();
    assert_eq!((missing.status, missing.code().as_str()), (404, "model_not_found"));
    assert_eq!(token.chat("other", 5).await.unwrap().status, 404);

    assert_eq!(by_session(&browser).await.status, 200);
    assert_eq!(token.chat("tollgate-demo", 5).await.unwrap().status, 200);
    is_refused(&by_session(&browser).await, "rate_limit_exceeded");
    is_refused(&token.chat("tollgate-demo", 5).await.unwrap(), "rate_limit_exceeded");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_app_calls_in_its_own_name_under_its_own_plan() {
    let server = server().await;
    let spec = PlanSpec {
        rates: per_minute(5),
        budgets: calls(2),
        models: vec!["tollgate-demo"],
        ..PlanSpec::default()
    };
    server.add_plan("of-apps", &spec).await.unwrap();
    server.mocks(&[("other", "chunks=1")]).await.unwrap();
    let bot = server.with_bearer(&server.add_app("bot", "of-apps").await.unwrap());
    let twin = server.with_bearer(&server.add_app("twin", "of-apps").await.unwrap());
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let apps = admin.get("/api/v1/clients").await.unwrap().json();
    let apps = apps["items"].as_array().unwrap();
    let id = apps.iter().find(|app| app["name"] == "bot").unwrap()["client_id"].clone();

    assert_eq!(bot.chat("other", 5).await.unwrap().code(), "model_not_found");
    for _ in 0..2 {
        let answer = bot.chat("tollgate-demo", 5).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
        assert_eq!(entry.state, EntryState::Settled, "{entry:?}");
        assert_eq!((&json!(entry.client), entry.user.as_deref()), (&id, None), "{entry:?}");
        assert!(entry.key.is_some(), "{entry:?}");
    }
    // Its plan's budget is its own: the other app of the same plan has all of it.
    is_refused(&bot.chat("tollgate-demo", 5).await.unwrap(), "insufficient_quota");
    let [limit] = &server.settled_limits(bot.bearer()).await.unwrap()[..] else { panic!("one") };
    assert_eq!((limit.used, limit.held, limit.limit), (2, 0, 2));
    assert_eq!(twin.chat("tollgate-demo", 5).await.unwrap().status, 200);

    // So are the rates of its plan.
    let spec = PlanSpec { rates: per_minute(2), ..PlanSpec::default() };
    server.add_plan("slow", &spec).await.unwrap();
    let slow = server.with_bearer(&server.add_app("slow", "slow").await.unwrap());
    for _ in 0..2 {
        assert_eq!(slow.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    is_refused(&slow.chat("tollgate-demo", 5).await.unwrap(), "rate_limit_exceeded");
    assert_eq!(twin.chat("tollgate-demo", 5).await.unwrap().status, 200);
    server.stop().await.unwrap();
}
