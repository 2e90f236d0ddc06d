//! Asked to stop by a signal: what runs is finished, and nothing is left for a recovery; asked
//! again, what runs is cut and accounted for.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tollgate_kernel::{EntryState, Timestamp};
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::process::Running;

use crate::books::{Books, entries_since, reader};
use crate::load::{Call, ENDLESS, Kind, LONG, Load, Seen};
use crate::rounds::model_at_rest;
use crate::stage::{CREW, Engine, Stage};

/// Streams at the moment of the signal.
pub(crate) const STREAMS: usize = 12;

/// How long a busy machine may take until all streams have begun, or have ended, or the server has.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Less than what answers are read on for whose callers left: the second signal ends that too.
const AT_ONCE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_asked_to_stop_finishes_its_streams() {
    let stage = Stage::set(Engine::Sqlite, 1, 1).await.unwrap();
    let server = stage.serve().await.unwrap();
    let address = server.address();
    let (load, streams) = streams(&stage, &server, LONG).await;
    server.terminate().await.unwrap();
    takes_nobody(&address).await;
    assert_eq!(load.counts.borrow().ended, 0, "the streams were too short for this test");
    for call in finished(streams).await {
        assert_eq!((call.status, call.seen), (Some(200), Seen::Ended), "{call:?}");
        assert!(call.heard.contains("data: [DONE]"), "{call:?}");
    }
    assert!(server.ended(PATIENCE).await.unwrap().success());

    let entries = at_rest(&stage).await;
    assert_eq!(entries.len(), STREAMS);
    assert!(entries.iter().all(|entry| entry.state == EntryState::Settled), "{entries:#?}");
    // The next server finds nothing to recover.
    let next = stage.serve().await.unwrap();
    next.terminate().await.unwrap();
    assert!(next.ended(PATIENCE).await.unwrap().success());
    assert_eq!(at_rest(&stage).await, entries);
    let log = std::fs::read_to_string(stage.log()).unwrap();
    assert!(!log.contains("recovered"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_cuts_streams_and_each_of_them_is_charged() {
    let stage = Stage::set(Engine::Sqlite, 1, 1).await.unwrap();
    let server = stage.serve().await.unwrap();
    let (load, streams) = streams(&stage, &server, ENDLESS).await;
    server.terminate().await.unwrap();
    takes_nobody(&server.address()).await;
    assert!(streams.iter().all(|stream| !stream.is_finished()), "one signal does not cut");
    server.terminate().await.unwrap();
    assert!(server.ended(AT_ONCE).await.unwrap().success());
    for call in finished(streams).await {
        assert_eq!((call.status, call.seen), (Some(200), Seen::Begun), "{call:?}");
    }
    assert_eq!(load.counts.borrow().ended, 0);

    let entries = at_rest(&stage).await;
    assert_eq!(entries.len(), STREAMS);
    for entry in &entries {
        assert_eq!(entry.state, EntryState::Estimated, "{entry:?}");
        assert!(entry.charged_tokens > 0, "{entry:?}");
    }
    let next = stage.serve().await.unwrap();
    next.terminate().await.unwrap();
    assert!(next.ended(PATIENCE).await.unwrap().success());
    assert_eq!(at_rest(&stage).await, entries);
}

/// Waits until nobody can come in any more: the signal is heeded.
async fn takes_nobody(address: &str) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < deadline, "it still takes new callers");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Streams of this kind, each of which has begun.
pub(crate) async fn streams(
    stage: &Stage,
    server: &Running,
    kind: Kind,
) -> (Load, Vec<JoinHandle<anyhow::Result<Call>>>) {
    let load = Load::on(server.address());
    let streams = (0..STREAMS).map(|number| {
        let token = stage.crews[0][number % CREW].token.clone();
        tokio::spawn(load.clone().once(number, token, kind))
    });
    let streams = streams.collect();
    let mut counts = load.counts.subscribe();
    let begun = counts.wait_for(|counts| counts.begun == STREAMS as u64);
    tokio::time::timeout(PATIENCE, begun).await.unwrap().unwrap();
    (load, streams)
}

pub(crate) async fn finished(streams: Vec<JoinHandle<anyhow::Result<Call>>>) -> Vec<Call> {
    let mut calls = Vec::new();
    for stream in streams {
        calls.push(tokio::time::timeout(PATIENCE, stream).await.unwrap().unwrap().unwrap());
    }
    calls
}

/// The entries, once it is sure that nothing is leased and that all accounts add up.
pub(crate) async fn at_rest(stage: &Stage) -> Vec<EntryRow> {
    model_at_rest(stage).await.unwrap();
    let mut books = Books::new(stage).unwrap();
    let ledger = reader(&stage.target).await.unwrap();
    let entries = entries_since(&ledger, Timestamp::default()).await.unwrap();
    books.take_entries(&entries).unwrap();
    books.take_meter(stage).unwrap();
    books.check_rest(&ledger, &books.all()).await.unwrap();
    ledger.close().await;
    entries
}
