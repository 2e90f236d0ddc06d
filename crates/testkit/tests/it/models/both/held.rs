//! What a running call holds, as its caller sees it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tollgate_kernel::{Budget, Period, Unit};
use tollgate_testkit::{Browser, Engine, PROVIDER_KEY, TestServer};

use super::{provider, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// A provider that answers a call when it is let. Its base URL.
async fn patient(heard: Arc<Semaphore>, may_answer: Arc<Semaphore>) -> String {
    provider(move |mut stream| {
        let (heard, may_answer) = (heard.clone(), may_answer.clone());
        async move {
            heard.add_permits(1);
            may_answer.acquire().await.unwrap().forget();
            let message = json!({ "role": "assistant", "content": "Done." });
            let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
            let usage = json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 });
            let object = "chat.completion";
            let body = json!({ "id": "c", "object": object, "choices": [choice], "usage": usage });
            let body = body.to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await
}

/// What the API says of the one budget: used, held and left.
async fn told(browser: &Browser) -> (i64, i64, i64) {
    let answer = browser.get("/api/v1/me/limits").await.unwrap();
    let items = answer.json()["items"].as_array().cloned().unwrap_or_default();
    let [limit] = &items[..] else { panic!("one budget: {}", answer.text) };
    let [used, held, left] = ["used", "held", "left"].map(|name| limit[name].as_i64().unwrap());
    (used, held, left)
}

/// The words of the account page, without what is between angle brackets.
async fn page(browser: &Browser) -> String {
    let page = browser.get("/account").await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text);
    let words = page.text.split('<').filter_map(|part| part.split_once('>')).map(|(_, said)| said);
    words.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn what_a_running_call_holds_is_shown_until_it_ends(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let budget = Budget { unit: Unit::Tokens, limit: 500, period: Period::Month };
    let (user, key) = server.caller("alice", vec![budget]).await.unwrap();
    let alice = server.signed_in(user).await.unwrap();
    let [heard, may_answer] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
    let url = patient(heard.clone(), may_answer.clone()).await;
    server.add_upstream("patient", &url, PROVIDER_KEY).await.unwrap();
    server.add_model("slow", "patient", "m", Vec::new()).await.unwrap();
    assert_eq!(told(&alice).await, (0, 0, 500));
    assert!(page(&alice).await.contains("500 tokens left 0 % 0 of 500 tokens used Starts"));

    let call = {
        let client = server.with_bearer(&key);
        tokio::spawn(async move { client.chat("slow", 20).await.unwrap() })
    };
    heard.acquire().await.unwrap().forget();
    let (used, held, left) = told(&alice).await;
    assert!(held > 20, "its input is held too: {held}");
    assert_eq!((used, left), (0, 500 - held));
    let shown = format!("{left} tokens left {} % 0 of 500 tokens used, {held} held", held / 5);
    let words = page(&alice).await;
    assert!(words.contains(&shown), "{shown}: {words}");

    may_answer.add_permits(1);
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let settled = async || told(&alice).await == (11, 0, 489);
    assert!(until(PATIENCE, settled).await, "{:?}", told(&alice).await);
    let words = page(&alice).await;
    assert!(words.contains("489 tokens left 2 % 11 of 500 tokens used Starts"), "{words}");
    server.stop().await.unwrap();
}
