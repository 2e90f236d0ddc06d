//! Callers who leave: what they caused is metered all the same, to the token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tollgate_gate::DrainBounds;
use tollgate_kernel::{EntryState, Rng, SeededRng};
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::{Engine, ModelApart, RawCall, Setup, TestServer, chat_body, count};

use super::until;

const CALLS: usize = 1_000;

/// One in ten outlasts the drainer by far. They call first: while the drainer waits for them, it
/// reads the others to their end.
const HOPELESS: usize = CALLS / 10;

/// Callers at the same time, and answers that are read on for those who left: without a bound of
/// the second, a busy machine could take longer for all of them than the drainer waits for one.
const AT_ONCE: usize = 64;

/// How long a busy machine may take for what comes in the end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Random numbers that are the same in every run.
struct Dice(SeededRng);

impl Dice {
    fn below(&self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % most
    }
}

/// Makes `calls` names, each for a model of its own that does what the function says, at a demo
/// model in a process of its own. The last directive tells them apart in its meter and does nothing
/// else.
async fn models(
    server: &TestServer,
    calls: usize,
    directives: impl Fn(usize) -> String,
) -> ModelApart {
    let model = server.model_apart("apart").await.unwrap();
    let named = |at| (format!("m{at}"), format!("{},retry-after={at}", directives(at)));
    let mocks: Vec<_> = (0..calls).map(named).collect();
    // A transaction has two seconds, on a busy machine too.
    for some in mocks.chunks(100) {
        server.mocks_of("apart", some).await.unwrap();
    }
    model
}

/// Compares every entry with what the demo model metered of the same call. Entries of calls that
/// the function calls hopeless are estimates, and not below the meter.
async fn compare(model: &ModelApart, entries: &[EntryRow], hopeless: impl Fn(usize) -> bool) {
    let lines = model.metered(PATIENCE).await.unwrap();
    assert_eq!(lines.len(), entries.len(), "calls that the demo model metered");
    let number = |model: &str| -> usize {
        model.rsplit("retry-after=").next().unwrap().parse().expect("a model of this test")
    };
    let lines: HashMap<usize, _> =
        lines.into_iter().map(|line| (number(&line.model), line)).collect();
    assert_eq!(lines.len(), entries.len(), "one call of each model");
    for entry in entries {
        let at: usize = entry.model.trim_start_matches('m').parse().unwrap();
        let line = &lines[&at];
        let usage = entry.usage;
        if hopeless(at) {
            assert_eq!(entry.state, EntryState::Estimated, "{entry:?} {line:?}");
            assert!(usage.input_tokens >= line.input_tokens, "{entry:?} {line:?}");
            assert!(usage.output_tokens >= line.output_tokens, "{entry:?} {line:?}");
        } else {
            assert_eq!(entry.state, EntryState::Settled, "{entry:?} {line:?}");
            assert!(line.reported && !line.cut, "{line:?}");
            assert_eq!(usage.input_tokens, line.input_tokens, "{entry:?} {line:?}");
            assert_eq!(usage.output_tokens, line.output_tokens, "{entry:?} {line:?}");
        }
    }
}

fn streamed(model: &str) -> Value {
    let mut body = chat_body(model, 200);
    body["stream"] = Value::Bool(true);
    body
}

pub(crate) async fn m2_a_thousand_streams_are_cut_and_metered_exactly(engine: Engine) {
    let hopeless = |at: usize| at < HOPELESS;
    let drain = DrainBounds { time: Duration::from_secs(15), ..DrainBounds::default() };
    let server = TestServer::start_as(Setup { drain, ..Setup::on(engine) }).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let model = models(&server, CALLS, |at| {
        let tail = if hopeless(at) { ",slow-tail=120s" } else { "" };
        format!("chunks={},every=1ms{tail}", 20 + at % 50)
    })
    .await;

    let (server, model) = (Arc::new(server), Arc::new(model));
    let dice = Arc::new(Dice(SeededRng::new(7)));
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let callers: Vec<_> = (0..CALLS)
        .map(|at| {
            // The head is some 600 bytes long, an event 250. Those that last too long are left in
            // their first half, so that nobody waits for the other.
            let most = if hopeless(at) { 1_800 } else { 14_000 };
            let bytes = 1 + usize::try_from(dice.below(most)).unwrap();
            let (server, key, at_once) = (server.clone(), key.clone(), at_once.clone());
            let model = model.clone();
            tokio::spawn(async move {
                let _turn = at_once.acquire().await.unwrap();
                let few =
                    || async { model.totals().await.unwrap().open < (HOPELESS + AT_ONCE) as u64 };
                assert!(until(PATIENCE, few).await, "answers are read to their end");
                let body = streamed(&format!("m{at}"));
                let call = RawCall::post(&server.url, "/v1/chat/completions", &key, &body).await;
                call.unwrap().hear(bytes).await.unwrap();
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let entries = server.entries_within(CALLS, PATIENCE).await.unwrap();
    compare(&model, &entries, hopeless).await;
    assert_eq!(count(&entries, EntryState::Estimated), HOPELESS);
    Arc::into_inner(server).unwrap().stop().await.unwrap();
}

pub(crate) async fn m2_calls_cut_before_their_first_byte_are_metered_exactly(engine: Engine) {
    cut_before_the_answer(engine, true).await;
}

pub(crate) async fn m2_json_calls_cut_before_their_answer_are_metered_exactly(engine: Engine) {
    cut_before_the_answer(engine, false).await;
}

/// Callers who leave as soon as the provider has their request.
async fn cut_before_the_answer(engine: Engine, streams: bool) {
    const CALLS: usize = 50;
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let model = models(&server, CALLS, |at| format!("chunks={},delay=300ms", 5 + at)).await;
    let mut calls = Vec::new();
    for at in 0..CALLS {
        let model = format!("m{at}");
        let body = if streams { streamed(&model) } else { chat_body(&model, 200) };
        let call = RawCall::post(&server.url, "/v1/chat/completions", &key, &body).await;
        calls.push(call.unwrap());
    }
    let all_open = || async {
        let totals = model.totals().await.unwrap();
        totals.open + totals.finished == u64::try_from(CALLS).unwrap()
    };
    assert!(until(PATIENCE, all_open).await, "the provider has all requests");
    drop(calls);
    let entries = server.entries_within(CALLS, PATIENCE).await.unwrap();
    compare(&model, &entries, |_| false).await;
    server.stop().await.unwrap();
}

/// How many answers the server says that it reads on.
async fn draining(server: &TestServer) -> String {
    let text = server.metrics().get("/metrics").await.unwrap().text;
    let line = text.lines().find_map(|line| line.strip_prefix("tollgate_draining "));
    line.unwrap_or_default().to_owned()
}

/// A server that is asked to stop reads on what callers left, as it would have without the stop.
pub(crate) async fn m2_a_stop_lets_the_rest_be_read(engine: Engine) {
    const CALLS: usize = 12;
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let model = models(&server, CALLS, |at| format!("chunks={},slow-tail=3s", 20 + at)).await;
    for at in 0..CALLS {
        let body = streamed(&format!("m{at}"));
        let call = RawCall::post(&server.url, "/v1/chat/completions", &key, &body).await;
        assert!(call.unwrap().hear(1).await.unwrap(), "its answer has begun");
    }
    let all_read_on = || async { draining(&server).await == CALLS.to_string() };
    assert!(until(PATIENCE, all_read_on).await, "{} are read on", draining(&server).await);
    assert!(server.entries_now().await.unwrap().is_empty(), "none of them is over");

    let server = server.restart().await.unwrap();
    let entries = server.entries(CALLS).await.unwrap();
    compare(&model, &entries, |_| false).await;
    server.stop().await.unwrap();
}
