//! A load generator over keep-alive HTTP/1.1 connections: closed loop (each connection sends its
//! next call when the last is answered) or open loop (calls start at a fixed rate).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::process::Process;
use crate::rounds::Sample;

/// What to send, and how.
#[derive(Clone)]
pub struct Load {
    /// Whom to call.
    pub target: SocketAddr,
    /// The path of each call.
    pub path: String,
    /// Headers of each call, in the place of those that it has by itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The header that carries the credential, for example `authorization`.
    pub carrier: HeaderName,
    /// Its values, of which each call has one; none: no call has such a header.
    pub credentials: Arc<[HeaderValue]>,
    /// Which of them a call has.
    pub choice: Choice,
    /// The bodies, one after the other and again from the first; JSON.
    pub bodies: Arc<[Bytes]>,
    /// Connections.
    pub connections: usize,
    /// Calls a second over all connections; `None`: as many as are answered.
    pub per_second: Option<f64>,
    /// How long it is measured.
    pub measure: Duration,
    /// How long calls are sent before that.
    pub warm_up: Duration,
    /// The process whose CPU time and memory are measured.
    pub process: Option<Process>,
}

/// Which of several credentials a call has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One after the other, and again from the first.
    InTurn,
    /// Drawn uniformly, the same ones in every run.
    Drawn,
}

impl Choice {
    /// The place of the credential of call `number` among `count`, which is not 0.
    fn place(self, number: u64, count: usize) -> usize {
        let number = match self {
            Self::InTurn => number,
            Self::Drawn => mixed(number),
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(number.checked_rem(count).unwrap_or(0)).unwrap_or(0)
    }
}

/// A number that looks drawn at random; splitmix64's finaliser.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The CPU time of a process.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Of all its threads.
    all: Duration,
    /// Of the thread that writes our ledger, which is among them; the bare proxy has none.
    ledger: Duration,
}

impl Cpu {
    fn of(process: Process) -> anyhow::Result<Self> {
        Ok(Self { all: process.cpu()?, ledger: process.cpu_of("ledger")? })
    }

    fn since(self, before: Self) -> Self {
        let Self { all, ledger } = self;
        Self { all: all.saturating_sub(before.all), ledger: ledger.saturating_sub(before.ledger) }
    }
}

/// What was measured. Times are in microseconds.
#[derive(Debug)]
pub struct Report {
    /// Calls that were answered with status 200 to their end.
    pub calls: u64,
    /// Calls that were not.
    pub errors: u64,
    /// What was wrong with one of them.
    pub error: Option<String>,
    /// Events of streams: two line ends in a row.
    pub events: u64,
    /// How long it was measured.
    pub elapsed: Duration,
    /// From a call's start to the end of its answer.
    pub latency: Histogram<u64>,
    /// From a call's start to the first byte of its answer's body.
    pub first_byte: Histogram<u64>,
    /// CPU time of the process.
    pub cpu: Option<Cpu>,
    /// Resident memory of the process at the end, in KiB.
    pub rss_kib: Option<u64>,
}

/// The figures of a report, for people and programs.
#[derive(Debug, Serialize)]
pub struct Summary {
    calls: u64,
    errors: u64,
    events: u64,
    calls_per_s: f64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    first_byte_p50_us: u64,
    first_byte_p99_us: u64,
    cpu_us_per_call: Option<f64>,
    cpu_us_per_event: Option<f64>,
    calls_per_s_per_core: Option<f64>,
    rss_kib: Option<u64>,
}

impl Load {
    /// Sends the load. Fails when no connection can be made; failed calls are counted.
    pub async fn run(&self) -> anyhow::Result<Report> {
        ensure!(self.connections > 0 && !self.bodies.is_empty(), "there is nothing to send");
        let start = Instant::now();
        let run = Arc::new(Run {
            load: self.clone(),
            start,
            from: start + self.warm_up,
            until: start + self.warm_up + self.measure,
            next: AtomicU64::new(0),
        });
        let workers = (0..self.connections).map(|_| {
            let run = run.clone();
            async move { tokio::spawn(run.worker()).await? }
        });
        let (parts, (cpu, elapsed)) =
            tokio::try_join!(try_join_all(workers), run.watch(self.process))?;
        let mut report = Report::new()?;
        for part in parts {
            report.add(part)?;
        }
        report.cpu = cpu;
        report.elapsed = elapsed;
        report.rss_kib = self.process.map(Process::rss_kib).transpose()?;
        Ok(report)
    }
}

impl Report {
    fn new() -> anyhow::Result<Self> {
        // Up to an hour, three digits.
        let histogram = || Histogram::new_with_max(3_600_000_000, 3);
        Ok(Self {
            calls: 0,
            errors: 0,
            error: None,
            events: 0,
            elapsed: Duration::ZERO,
            latency: histogram()?,
            first_byte: histogram()?,
            cpu: None,
            rss_kib: None,
        })
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.calls += other.calls;
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
        self.events += other.events;
        self.latency.add(other.latency)?;
        self.first_byte.add(other.first_byte)?;
        Ok(())
    }

    /// The figures.
    pub fn summary(&self) -> Summary {
        let calls = to_f64(self.calls);
        let cpu_us = self.cpu.map(|cpu| cpu.all.as_secs_f64() * 1e6);
        Summary {
            calls: self.calls,
            errors: self.errors,
            events: self.events,
            calls_per_s: calls / self.elapsed.as_secs_f64(),
            p50_us: self.latency.value_at_quantile(0.5),
            p99_us: self.latency.value_at_quantile(0.99),
            p999_us: self.latency.value_at_quantile(0.999),
            first_byte_p50_us: self.first_byte.value_at_quantile(0.5),
            first_byte_p99_us: self.first_byte.value_at_quantile(0.99),
            cpu_us_per_call: cpu_us.map(|us| us / calls),
            cpu_us_per_event: cpu_us.filter(|_| self.events > 0).map(|us| us / to_f64(self.events)),
            calls_per_s_per_core: cpu_us.map(|us| calls / (us / 1e6)),
            rss_kib: self.rss_kib,
        }
    }

    /// The figures that rounds compare.
    pub fn sample(&self) -> Sample {
        let summary = self.summary();
        let mut sample = Sample::from([
            ("calls_per_s", summary.calls_per_s),
            ("p50_us", to_f64(summary.p50_us)),
            ("p99_us", to_f64(summary.p99_us)),
            ("first_byte_p50_us", to_f64(summary.first_byte_p50_us)),
        ]);
        sample.extend(summary.cpu_us_per_call.map(|us| ("cpu_us_per_call", us)));
        let ledger_us = |cpu: Cpu| cpu.ledger.as_secs_f64() * 1e6 / to_f64(self.calls);
        sample.extend(self.cpu.map(|cpu| ("ledger_us_per_call", ledger_us(cpu))));
        sample.extend(summary.cpu_us_per_event.map(|us| ("cpu_us_per_event", us)));
        sample.extend(summary.rss_kib.map(|kib| ("rss_kib", to_f64(kib))));
        sample
    }
}

/// A chat request of about 1.2 KB for `model`, with a ceiling of 200 tokens.
pub fn chat_body(model: &str, stream: bool) -> Bytes {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(23);
    let mut body = serde_json::json!({"model": model, "max_tokens": 200, "messages": [
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": text},
    ]});
    if stream && let Some(members) = body.as_object_mut() {
        members.insert("stream".to_owned(), true.into());
    }
    Bytes::from(body.to_string())
}

/// Counts here stay far below 2^53, where every integer is exact.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

struct Run {
    load: Load,
    start: Instant,
    from: Instant,
    until: Instant,
    /// The number of the next call.
    next: AtomicU64,
}

impl Run {
    /// The CPU time that `process` uses while it is measured, and how long that is.
    async fn watch(&self, process: Option<Process>) -> anyhow::Result<(Option<Cpu>, Duration)> {
        let cpu = || process.map(Cpu::of).transpose();
        tokio::time::sleep_until(self.from.into()).await;
        let (began, before) = (Instant::now(), cpu()?);
        tokio::time::sleep_until(self.until.into()).await;
        let after = cpu()?;
        let used = after.zip(before).map(|(after, before)| after.since(before));
        Ok((used, began.elapsed()))
    }

    async fn worker(self: Arc<Self>) -> anyhow::Result<Report> {
        let mut report = Report::new()?;
        let mut connection = self.connect().await?;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let begin = self.turn(number).await;
            if begin >= self.until {
                return Ok(report);
            }
            let outcome = self.call(&mut connection, number).await;
            let end = Instant::now();
            let measured = self.measures(end);
            match outcome {
                Ok(Answer { first_byte, events }) => {
                    report.events += events;
                    if !measured {
                        continue;
                    }
                    report.calls += 1;
                    report.latency.saturating_record(us(end - begin));
                    report.first_byte.saturating_record(us(first_byte - begin));
                }
                Err(error) => {
                    report.errors += u64::from(measured);
                    report.error.get_or_insert_with(|| format!("{error:#}"));
                    connection = self.connect().await?;
                }
            }
        }
    }

    /// Whether what happens at `moment` is measured.
    fn measures(&self, moment: Instant) -> bool {
        self.from <= moment && moment < self.until
    }

    /// Waits for the turn of this call; gives the moment from which its latency counts. That is the
    /// planned one where the connection was late, so that a slow answer is not hidden by the calls
    /// that were not sent meanwhile; a timer that wakes late is not the server's fault.
    async fn turn(&self, number: u64) -> Instant {
        let Some(per_second) = self.load.per_second else { return Instant::now() };
        let planned = self.start + Duration::from_secs_f64(to_f64(number) / per_second);
        if planned <= Instant::now() {
            return planned;
        }
        tokio::time::sleep_until(planned.into()).await;
        Instant::now()
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.load.target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors come out of the calls too.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn call(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        number: u64,
    ) -> anyhow::Result<Answer> {
        let bodies = &self.load.bodies;
        let at = usize::try_from(number).unwrap_or(0).checked_rem(bodies.len()).unwrap_or(0);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.load.path)
            .header(header::HOST, self.load.target.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(bodies.get(at).cloned().unwrap_or_default()))?;
        for (name, value) in &self.load.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let credentials = &self.load.credentials;
        if let Some(value) = credentials.get(self.load.choice.place(number, credentials.len())) {
            request.headers_mut().insert(&self.load.carrier, value.clone());
        }
        connection.ready().await?;
        let response = connection.send_request(request).await?;
        ensure!(response.status() == 200, "status {}", response.status());
        let mut body = response.into_body();
        let (mut first_byte, mut events) = (None, Events::default());
        while let Some(frame) = body.frame().await {
            let now = Instant::now();
            if let Ok(data) = frame?.into_data() {
                first_byte.get_or_insert(now);
                events.read(&data, self.measures(now));
            }
            // A long stream must not hold up the end.
            if now >= self.until {
                break;
            }
        }
        Ok(Answer { first_byte: first_byte.unwrap_or_else(Instant::now), events: events.count })
    }
}

struct Answer {
    first_byte: Instant,
    /// Those that came while it was measured.
    events: u64,
}

/// Counts events: two line ends in a row, also where they come in two pieces.
#[derive(Default)]
struct Events {
    count: u64,
    after_line_end: bool,
}

impl Events {
    fn read(&mut self, data: &[u8], measured: bool) {
        for byte in data {
            let line_end = *byte == b'\n';
            self.count += u64::from(line_end && self.after_line_end && measured);
            self.after_line_end = line_end && !self.after_line_end;
        }
    }
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare::Bare;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn events_are_counted_across_pieces() {
        let mut events = Events::default();
        for piece in ["data: a\n", "\ndata: b\n\n", "data: c\n", "data: d\n\n"] {
            events.read(piece.as_bytes(), true);
            events.read(b"", false);
        }
        events.read(b"data: late\n\n", false);
        assert_eq!(events.count, 3);
    }

    #[test]
    fn credentials_are_taken_in_turn_or_drawn_evenly() {
        let in_turn: Vec<usize> = (0..5).map(|number| Choice::InTurn.place(number, 3)).collect();
        assert_eq!(in_turn, [0, 1, 2, 0, 1]);
        let mut drawn = [0_u32; 10];
        for number in 0..10_000 {
            drawn[Choice::Drawn.place(number, 10)] += 1;
        }
        assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
        assert_eq!(Choice::Drawn.place(7, 0), 0);
    }

    /// An upstream that answers every request with two events.
    async fn upstream() -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
                        if bytes.ends_with(b"}") {
                            bytes.clear();
                            let answer =
                                b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n: 1\n\n: 2\n\n..";
                            if stream.write_all(answer).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        Ok(address)
    }

    fn load(target: SocketAddr, per_second: Option<f64>) -> Load {
        Load {
            target,
            path: "/v1/chat/completions".to_owned(),
            headers: Vec::new(),
            carrier: header::AUTHORIZATION,
            credentials: Arc::new([]),
            choice: Choice::InTurn,
            bodies: Arc::new([Bytes::from_static(b"{}")]),
            connections: 4,
            per_second,
            measure: Duration::from_millis(300),
            warm_up: Duration::from_millis(50),
            process: Some(Process(std::process::id())),
        }
    }

    #[tokio::test]
    async fn calls_go_through_the_bare_proxy_and_are_counted() -> anyhow::Result<()> {
        let upstream = upstream().await?;
        let (listener, address) = Bare::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        tokio::spawn(Bare::to(&format!("http://{upstream}"))?.serve(listener));
        let report = load(address, None).run().await?;
        assert!(report.calls > 10 && report.errors == 0, "{:?}", report.summary());
        assert!(report.events.abs_diff(2 * report.calls) <= 2 * 4, "{:?}", report.summary());
        assert_eq!(report.latency.len(), report.calls);
        assert!(report.cpu.is_some() && report.rss_kib.is_some());
        assert!(report.sample().contains_key("cpu_us_per_event"));
        Ok(())
    }

    #[tokio::test]
    async fn an_open_loop_sends_no_more_than_its_rate() -> anyhow::Result<()> {
        let report = load(upstream().await?, Some(100.0)).run().await?;
        assert!((1..=31).contains(&report.calls), "{}", report.calls);
        Ok(())
    }

    #[tokio::test]
    async fn a_bare_proxy_without_an_upstream_answers_502() -> anyhow::Result<()> {
        let (listener, address) = Bare::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let (closed, nobody) = Bare::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        drop(closed);
        tokio::spawn(Bare::to(&format!("http://{nobody}"))?.serve(listener));
        let report = load(address, None).run().await?;
        assert!(report.calls == 0 && report.errors > 0);
        Ok(())
    }
}
