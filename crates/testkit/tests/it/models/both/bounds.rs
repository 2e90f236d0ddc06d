//! How far an answer is read on whose caller left: so many tokens, and so many answers at a time.
//! How long is with [`super::hangups`].

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_gate::DrainBounds;
use tollgate_kernel::EntryState;
use tollgate_testkit::{Engine, RawCall, Setup, TestServer, chat_body, count};

/// Longer than anything here takes: the other bounds are what ends it.
const LONG: Duration = Duration::from_secs(60);

/// How long a busy machine may take until what was given up has its entry.
const SOON: Duration = Duration::from_secs(20);

/// Sends a call for a stream, and leaves when it has said `pieces` of its text.
async fn leave(server: &TestServer, key: &str, model: &str, pieces: usize) {
    let mut body = chat_body(model, 4_000);
    body["stream"] = Value::Bool(true);
    let call = RawCall::post(&server.url, "/v1/chat/completions", key, &body).await;
    let mut call = call.unwrap();
    while call.text().matches("\"content\":\"").count() < pieces {
        let heard = call.heard.len();
        assert!(call.hear(heard + 1).await.unwrap(), "{}", call.text());
    }
}

async fn server(engine: Engine, drain: DrainBounds) -> (TestServer, String) {
    let server = TestServer::start_as(Setup { drain, ..Setup::on(engine) }).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    (server, key)
}

/// A thousand tokens more are read on, and no stream to its end that has many more.
pub(crate) async fn m2_a_thousand_tokens_more_are_read_and_no_more(engine: Engine) {
    let bounds = DrainBounds { time: LONG, ..DrainBounds::default() };
    let (server, key) = server(engine, bounds).await;
    let mocks = [("short", "chunks=960,every=1ms"), ("long", "chunks=4000,every=1ms")];
    server.mocks(&mocks).await.unwrap();
    leave(&server, &key, "short", 5).await;
    leave(&server, &key, "long", 5).await;

    let entries = server.entries_within(2, SOON).await.unwrap();
    let of = |model: &str| entries.iter().find(|entry| entry.model == model).unwrap();
    let (short, long) = (of("short"), of("long"));
    assert_eq!(short.state, EntryState::Settled, "{short:?}");
    assert_eq!(short.usage.output_tokens, 960, "{short:?}");
    assert_eq!(long.state, EntryState::Estimated, "{long:?}");
    let lines = server.metered(SOON).await.unwrap();
    let cut = lines.iter().find(|line| line.model.contains("chunks=4000")).unwrap();
    assert!(cut.cut && !cut.reported, "{cut:?}");
    // What the caller saw, a thousand more, and what was under way between the two.
    assert!((1_000..1_500).contains(&cut.output_tokens), "{cut:?}");
    // The estimate counts bytes of what was read, each a token: more than all tokens that were
    // written, those included that were under way.
    assert!(long.usage.output_tokens >= cut.output_tokens, "{long:?} {cut:?}");
    server.stop().await.unwrap();
}

/// So many answers are read on at a time; whose caller leaves after that is closed at once.
pub(crate) async fn m2_so_many_answers_are_read_on_and_no_more(engine: Engine) {
    let bounds = DrainBounds { time: LONG, answers: 2, ..DrainBounds::default() };
    let (server, key) = server(engine, bounds).await;
    server.mocks(&[("slow", "chunks=20,slow-tail=6s")]).await.unwrap();
    let begun = Instant::now();
    for _ in 0..3 {
        leave(&server, &key, "slow", 5).await;
    }
    let [third] = &server.entries(1).await.unwrap()[..] else { panic!("one entry") };
    assert_eq!(third.state, EntryState::Estimated, "{third:?}");
    assert!(begun.elapsed() < Duration::from_secs(6), "not at its end: {:?}", begun.elapsed());

    let entries = server.entries_within(3, SOON).await.unwrap();
    assert_eq!(count(&entries, EntryState::Settled), 2, "{entries:#?}");
    let lines = server.metered(SOON).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.cut).count(), 1, "{lines:?}");
    // There is room for another one.
    leave(&server, &key, "slow", 5).await;
    let entries = server.entries_within(4, SOON).await.unwrap();
    assert_eq!(count(&entries, EntryState::Settled), 3, "{entries:#?}");
    server.stop().await.unwrap();
}
