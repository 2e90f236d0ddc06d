//! A disk that takes no more writes, for the server alone: the limit on the size of its files is
//! set to one byte while it runs (`prlimit`), so that every write of the store fails, and that of
//! the log too. Calls are refused as our fault, nothing is lost, and all is well when there is room
//! again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;
use tollgate_kernel::EntryState;
use tollgate_testkit::Client;
use tollgate_testkit::process::Running;

use crate::books::{Books, entries_since, reader};
use crate::load::{Call, KINDS, LONG, Load, Seen, header};
use crate::manage::Manager;
use crate::rounds::model_at_rest;
use crate::stage::{CREW, Engine, Stage};
use crate::stop::{PATIENCE, STREAMS, at_rest, finished, streams};

/// What fail modes promise, and time for a machine that is busy with other things.
const RECOVERY: Duration = Duration::from_secs(5);

/// Starts a server that is told of a failed write instead of being ended by it: that is what a full
/// disk does.
async fn serve(stage: &Stage) -> Result<Running> {
    let command = stage.command();
    let plain = command.as_std();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    shell.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Running::start(shell, &stage.log()).await
}

/// Sets how large the files of `server` may become.
async fn limit_files(server: &Running, limit: &str) -> Result<()> {
    let id = server.id().context("the server has ended")?.to_string();
    let limit = format!("--fsize={limit}:");
    let done = Command::new("prlimit").args(["--pid", &id, &limit]).output().await?;
    ensure!(done.status.success(), "prlimit: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Quick calls, all at once.
async fn calls(stage: &Stage, server: &Running) -> Vec<Call> {
    let load = Load::on(server.address());
    let calls = (0..STREAMS).map(|number| {
        let token = stage.crews[0][number % CREW].token.clone();
        tokio::spawn(load.clone().once(number, token, KINDS[0]))
    });
    finished(calls.collect()).await
}

/// Streams that were under way when the disk was full go on; other calls are refused until it has
/// room.
async fn fill(stage: &Stage, server: &Running) -> Vec<Call> {
    for call in calls(stage, server).await {
        assert_eq!(call.status, Some(200), "{call:?}");
    }
    let (load, streams) = streams(stage, server, LONG).await;
    limit_files(server, "1").await.unwrap();
    for call in calls(stage, server).await {
        assert_eq!(call.status, Some(503), "{call:?}");
        assert!(call.heard.contains("\"budget_unavailable\""), "{call:?}");
        let wait: u64 = header(&call.heard, "retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{call:?}");
        assert_eq!(header(&call.heard, "x-should-retry"), None, "a retry may succeed: {call:?}");
    }
    let doors = Client::new(server.url(), None);
    assert_eq!(doors.get("/readyz").await.unwrap().status, 503);
    assert_eq!(doors.get("/livez").await.unwrap().status, 200);
    assert_eq!(managed(stage).await, (200, 503));
    assert_eq!(load.counts.borrow().ended, 0, "the streams were too short for this test");
    let streams = finished(streams).await;
    for call in &streams {
        assert_eq!((call.status, call.seen), (Some(200), Seen::Ended), "{call:?}");
        assert!(call.heard.contains("data: [DONE]"), "{call:?}");
    }
    streams
}

/// What becomes of reading a list, and of a change.
async fn managed(stage: &Stage) -> (u16, u16) {
    let user = stage.crews[0][0].user.to_string();
    let manager = Manager::new(stage.socket(), user.clone());
    let new = json!({ "name": "on a full disk", "user": user });
    let (read, _) = manager.ask("GET", "/api/v1/keys", None).await.unwrap();
    let (made, said) = manager.ask("POST", "/api/v1/keys", Some(&new)).await.unwrap();
    assert!(made < 500 || said["code"] == "unavailable", "{said}");
    (read, made)
}

/// The requests of these calls.
fn requests(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.request.as_deref().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_calls_and_nothing_is_lost() {
    let stage = Stage::set(Engine::Sqlite, 1, 1).await.unwrap();
    let server = serve(&stage).await.unwrap();
    let streams = fill(&stage, &server).await;

    limit_files(&server, "unlimited").await.unwrap();
    let free = Instant::now();
    while !calls(&stage, &server).await.iter().all(|call| call.status == Some(200)) {
        assert!(free.elapsed() < RECOVERY, "calls are answered again");
    }
    let doors = Client::new(server.url(), None);
    assert_eq!(doors.get("/readyz").await.unwrap().status, 200);
    assert_eq!(managed(&stage).await, (200, 201));
    server.terminate().await.unwrap();
    assert!(server.ended(PATIENCE).await.unwrap().success());

    // Every call that was answered has one entry and is charged what the model metered.
    let entries = at_rest(&stage).await;
    for request in requests(&streams) {
        let of_call: Vec<_> = entries.iter().filter(|e| e.request_id == request).collect();
        let [entry] = of_call[..] else { panic!("one entry of {request}: {of_call:?}") };
        assert_eq!(entry.state, EntryState::Settled, "{entry:?}");
    }
    let next = stage.serve().await.unwrap();
    next.terminate().await.unwrap();
    assert!(next.ended(PATIENCE).await.unwrap().success());
    assert_eq!(at_rest(&stage).await, entries, "nothing was left to recover");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_on_a_full_disk_loses_nothing_either() {
    let stage = Stage::set(Engine::Sqlite, 1, 1).await.unwrap();
    let server = serve(&stage).await.unwrap();
    let streams = fill(&stage, &server).await;
    server.kill().await.unwrap();

    // What the dead one could not write is charged its hold by the next, which has a disk again.
    let next = stage.serve().await.unwrap();
    model_at_rest(&stage).await.unwrap();
    let ledger = reader(&stage.target).await.unwrap();
    let entries = entries_since(&ledger, tollgate_kernel::Timestamp::default()).await.unwrap();
    for request in requests(&streams) {
        let of_call: Vec<_> = entries.iter().filter(|e| e.request_id == request).collect();
        let [entry] = of_call[..] else { panic!("one entry of {request}: {of_call:?}") };
        assert_eq!(entry.state, EntryState::Interrupted, "{entry:?}");
        assert_eq!(entry.charged_tokens, entry.hold_tokens, "{entry:?}");
    }
    let mut books = Books::new(&stage).unwrap();
    books.take_entries(&entries).unwrap();
    books.take_meter(&stage).unwrap();
    books.check_rest(&ledger, &books.all()).await.unwrap();
    ledger.close().await;
    for call in calls(&stage, &next).await {
        assert_eq!(call.status, Some(200), "{call:?}");
    }
}
