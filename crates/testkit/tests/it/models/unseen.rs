//! What a call is charged of whose answer nobody saw, or nobody waited for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tollgate_gate::DrainBounds;
use tollgate_kernel::EntryState;
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::{Engine, PROVIDER_KEY, RawCall, TestServer, chat_body};

use super::both::{provider, until};

const CHAT: &str = "/v1/chat/completions";
const PATIENCE: Duration = Duration::from_secs(20);

/// A call that may reason in hiding, or may not.
fn body(model: &str, reasons: bool) -> Value {
    let mut body = chat_body(model, 60);
    if reasons {
        body["reasoning_effort"] = json!("high");
    }
    body
}

/// Of a call that was sent and whose answer was not seen, its input is charged; where it may have
/// reasoned, all that was held.
fn is_charged(what: &str, entry: &EntryRow, body: &Value, reasons: bool) {
    assert_eq!(entry.state, EntryState::Estimated, "{what}: {entry:?}");
    let input = i64::try_from(body.to_string().len()).unwrap();
    let expected = if reasons { entry.hold_tokens } else { input };
    assert_eq!(entry.charged_tokens, expected, "{what}: {entry:?}");
    assert!(input < entry.hold_tokens, "{what}: {entry:?}");
}

#[tokio::test]
async fn reasoning_before_an_answer_that_never_came_is_charged_its_whole_hold() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    server.set_timeouts("demo", &[("first_byte_ms", 300)]).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    server.mocks(&[("silent", "stall=head"), ("cut", "reset=head")]).await.unwrap();
    for (model, status) in [("silent", 504), ("cut", 502)] {
        for reasons in [true, false] {
            let body = body(model, reasons);
            let answer = server.with_bearer(&key).post(CHAT, &body).await.unwrap();
            assert_eq!(answer.status, status, "{}", answer.text);
            let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
            is_charged(model, &entry, &body, reasons);
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m2_reasoning_of_callers_who_left_is_charged_its_whole_hold() {
    // Past the drainer's time, and where it has no room.
    let brief = DrainBounds { time: Duration::from_millis(300), ..DrainBounds::default() };
    for drain in [brief, DrainBounds { answers: 0, ..brief }] {
        let server = TestServer::start_with(Engine::Sqlite, drain).await.unwrap();
        let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
        server.mocks(&[("thinks", "stall=head"), ("talks", "stall=head")]).await.unwrap();
        for (count, reasons) in [(1, true), (2, false)] {
            let model = if reasons { "thinks" } else { "talks" };
            let body = body(model, reasons);
            let call = RawCall::post(&server.url, CHAT, &key, &body).await.unwrap();
            let arrived =
                || async { server.model.seen().iter().filter(|s| s.method == "POST").count() };
            assert!(until(PATIENCE, || async { arrived().await == count }).await);
            drop(call);
            let entries = server.entries_within(count, PATIENCE).await.unwrap();
            let entry = entries.iter().find(|entry| &*entry.model == model).unwrap();
            is_charged(model, entry, &body, reasons);
        }
        server.stop().await.unwrap();
    }
}

/// A provider that answers a call with an error that tells its usage: in two parts, each when it is
/// let.
struct Failing {
    url: String,
    /// Calls that have come.
    heard: Arc<Semaphore>,
    /// Parts that may be written.
    parts: Arc<Semaphore>,
    /// Parts that were written.
    written: Arc<Semaphore>,
}

impl Failing {
    async fn start() -> Self {
        let [heard, parts, written] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
        let shared = (heard.clone(), parts.clone(), written.clone());
        let url = provider(move |mut stream| {
            let (heard, parts, written) = shared.clone();
            async move {
                heard.add_permits(1);
                let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
                let body = json!({"error": {"message": "No."}, "usage": usage}).to_string();
                let (first, second) = body.split_at(10);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n{first}"
                );
                for part in [head.as_str(), second] {
                    parts.acquire().await.unwrap().forget();
                    drop(stream.write_all(part.as_bytes()).await);
                    written.add_permits(1);
                }
            }
        });
        Self { url: url.await, heard, parts, written }
    }

    /// Writes so many parts.
    async fn write(&self, parts: usize) {
        for _ in 0..parts {
            self.parts.add_permits(1);
            self.written.acquire().await.unwrap().forget();
        }
    }
}

#[tokio::test]
async fn m2_an_error_that_tells_its_usage_is_charged_whoever_waits() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let failing = Failing::start().await;
    server.add_upstream("failing", &failing.url, PROVIDER_KEY).await.unwrap();
    server.add_model("costly", "failing", "m", Vec::new()).await.unwrap();
    // Who waits; who leaves before the answer; who leaves while it comes.
    for (count, parts_before, leaves) in [(1, 2, false), (2, 0, true), (3, 1, true)] {
        let body = chat_body("costly", 60);
        let mut call = RawCall::post(&server.url, CHAT, &key, &body).await.unwrap();
        failing.heard.acquire().await.unwrap().forget();
        failing.write(parts_before).await;
        if leaves {
            // The server runs on the one thread of this test and takes things in their order: by
            // the time that it answers somebody else it has read what was written before.
            server.with_bearer(&key).get("/v1/models").await.unwrap();
            drop(call);
            let is_read_on = || async { server.gate.figures().draining == 1 };
            assert!(until(PATIENCE, is_read_on).await, "the caller's leave was noticed");
        } else {
            assert!(call.hear_text("upstream_failed", PATIENCE).await.unwrap());
            assert!(call.text().contains("The call was charged."), "{}", call.text());
        }
        failing.write(2 - parts_before).await;
        let entries = server.entries_within(count, PATIENCE).await.unwrap();
        assert_eq!(entries.len(), count);
        for entry in &entries {
            assert_eq!(entry.state, EntryState::Settled, "{parts_before} {entry:?}");
            assert_eq!(entry.charged_tokens, 5, "{parts_before} {entry:?}");
        }
    }
    server.stop().await.unwrap();
}
