//! What the server needs when nobody calls: time to start, and memory.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollgate_bench::load::chat_body;
use tollgate_bench::rounds::Spread;

use super::{Bench, CHAT};
use crate::http::{SignInForm, ready};
use crate::programs::Running;
use crate::report::Row;
use crate::stage::{PASSWORD, Stage, Wish, alias, email, remove};

/// How often the server is started.
const STARTS: usize = 20;

/// Idle streams.
const STREAMS: usize = 10_000;

/// Calls before the server is left alone.
const CALLS: f64 = 1_000.0;

/// So many of them are to go well, at least: what comes after the second is not counted.
const ANSWERED: u64 = 990;

/// Sign-ins before that.
const SIGN_INS: usize = 10;

/// From the start of the process until `/readyz` says so.
pub(super) async fn start(bench: &Bench) -> Result<Vec<Row>> {
    let data = bench.place.work.join("empty");
    let starts = if bench.quick { 5 } else { STARTS };
    let mut took = Vec::with_capacity(starts);
    for _ in 0..starts {
        remove(&data)?;
        let server = bench.place.new_tollgate(&data).await?;
        ready(server.address()?).await?;
        took.push(server.started.elapsed().as_secs_f64() * 1e3);
        server.stop().await?;
    }
    let found = Spread::of(&took).context("never started")?;
    let what = "from the start of the process to /readyz saying so, on an empty store";
    let worst = took.iter().copied().fold(0.0, f64::max);
    let note = format!("worst {worst:.0} ms; the first start makes master key and tables");
    Ok(vec![Row::new("start", what, (100.0, "ms"), found).with(starts, note)])
}

/// Memory some time after a few sign-ins and calls.
pub(super) async fn memory(bench: &Bench) -> Result<Vec<Row>> {
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let server = bench.place.tollgate(&stage, &[]).await?;
    let begin = server.process()?.rss_kib()?;
    let form = SignInForm::get(server.address()?).await?;
    for person in 0..SIGN_INS {
        form.send(&email(person), PASSWORD).await?;
    }
    let mut load = bench.load(&server, alias("mock/fixed")?, stage.keys()?)?;
    (load.per_second, load.warm_up) = (Some(CALLS), Duration::ZERO);
    load.measure = Duration::from_secs(1);
    let report = load.run().await?;
    ensure!(report.errors == 0, "{}", report.error.unwrap_or_default());
    ensure!(report.calls >= ANSWERED, "only {} calls were answered", report.calls);
    let wait = Duration::from_secs(if bench.quick { 10 } else { 60 });
    eprintln!("  {SIGN_INS} sign-ins, {} calls; now {} s of rest", report.calls, wait.as_secs());
    tokio::time::sleep(wait).await;
    let process = server.process()?;
    let found = Spread::of(&[mib(process.rss_kib()?)]).context("no figure")?;
    let note = format!(
        "{:.1} MiB when ready, {:.1} MiB at most",
        mib(begin),
        mib(process.peak_rss_kib()?),
    );
    let what = format!("resident memory {} s after 10 sign-ins and 1,000 calls", wait.as_secs());
    Ok(vec![Row::new("idle", &what, (30.0, "MiB"), found).with(1, note)])
}

/// Memory with many streams that are open and silent.
pub(super) async fn streams(bench: &Bench) -> Result<Vec<Row>> {
    const MODEL: &str = "mock/chunks=200,every=600s";
    let rounds = bench.rounds;
    // A proxy has two connections for each stream, and some other files.
    let fitting = usize::try_from(bench.open_files.saturating_sub(400) / 2)?;
    let count = STREAMS.min(fitting);
    let (mut bare_mib, mut our_mib, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let model = bench.place.model().await?;
        let bare = bench.place.bare(&model).await?;
        let a = with_streams(&bare, MODEL, count, &[]).await?;
        drop(bare);
        let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
        let ours = bench.place.tollgate(&stage, &[]).await?;
        let b = with_streams(&ours, alias(MODEL)?, count, &stage.keys()?).await?;
        eprintln!("  round {round}: {a:.0} and {b:.0} MiB");
        bare_mib.push(a);
        our_mib.push(b);
        ratios.push(b / a);
    }
    let spread = |figures: &[f64]| Spread::of(figures).context("no figures");
    let (a, b) = (spread(&bare_mib)?.median, spread(&our_mib)?.median);
    let streams = u32::try_from(count)?;
    let each = |mib: f64| mib * 1_024.0 / f64::from(streams);
    let mut note = format!(
        "{a:.0} and {b:.0} MiB resident, {:.1} and {:.1} KiB a stream (bare, ours)",
        each(a),
        each(b)
    );
    if count < STREAMS {
        note.push_str(&format!(
            "; {count} streams, because a process may have {} open files here",
            bench.open_files
        ));
    }
    let what = "resident memory with 10,000 idle streams, over the bare proxy";
    let row = Row::new("idle-streams", what, (1.3, "×"), spread(&ratios)?);
    Ok(vec![row.with(rounds, note)])
}

/// The resident memory of `server` in MiB while it carries idle streams.
async fn with_streams(
    server: &Running,
    model: &str,
    count: usize,
    keys: &[HeaderValue],
) -> Result<f64> {
    let address = server.address()?;
    let body = chat_body(model, true);
    let mut opening = JoinSet::new();
    let mut open = Vec::with_capacity(count);
    for number in 0..count {
        let key = keys.get(number % keys.len().max(1)).cloned();
        opening.spawn(open_stream(address, body.clone(), key));
        if opening.len() >= 200
            && let Some(opened) = opening.join_next().await
        {
            open.push(opened??);
        }
    }
    while let Some(opened) = opening.join_next().await {
        open.push(opened??);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(open.len() == count, "only {} streams are open", open.len());
    Ok(mib(server.process()?.rss_kib()?))
}

/// Opens a stream and reads the head of its answer.
async fn open_stream(
    address: SocketAddr,
    body: Bytes,
    key: Option<HeaderValue>,
) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let key = key.as_ref().and_then(|key| key.to_str().ok()).unwrap_or("Bearer none");
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: {address}\r\nauthorization: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    let mut heard = Vec::with_capacity(1_024);
    while !heard.windows(4).any(|four| four == b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut heard).await? > 0, "the stream was not opened");
    }
    ensure!(heard.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&heard));
    Ok(stream)
}

#[expect(clippy::cast_precision_loss, reason = "a memory of KiB is far below 2^53")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}
