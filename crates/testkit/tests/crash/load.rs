//! Callers on bare connections, who know to the byte what has reached them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, watch};

use crate::dice::Dice;

/// Calls in flight at any time.
pub(crate) const CALLERS: usize = 64;

/// The length of each request's body, which is what its hold counts as input. The demo model is
/// told to count the same: so a call that spends its hold spends all of it, and what the ledger
/// would forget of one shows in the sums.
pub(crate) const BODY: usize = 1_000;

/// How long a caller whose budget is empty rests before the next try.
const REST: Duration = Duration::from_millis(50);

/// A kind of call: what the demo model is told to do, and what the caller asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) directives: &'static str,
    streams: bool,
    max_tokens: u32,
}

/// Short and long answers, at once and late, whole and as streams; some spend all of their hold.
pub(crate) const KINDS: [Kind; 6] = [
    kind("quick", "delay=30ms;spend=third", false, 30),
    kind("whole", "delay=120ms;spend=hold", false, 40),
    kind("late", "delay=250ms;spend=third", true, 30),
    kind("stream", "delay=20ms;chunks=25;every=8ms", true, 30),
    kind("burst", "chunks=6;every=1ms", true, 10),
    kind("full", "delay=60ms;spend=hold;every=3ms", true, 30),
];

/// A stream of some seconds: longer than a busy machine needs to take note of a signal.
pub(crate) const LONG: Kind = kind("long", "chunks=25;every=200ms", true, 30);

/// A stream that outlasts every test.
pub(crate) const ENDLESS: Kind = kind("endless", "chunks=4000;every=100ms", true, 4_000);

const fn kind(
    name: &'static str,
    directives: &'static str,
    streams: bool,
    max_tokens: u32,
) -> Kind {
    Kind { name, directives, streams, max_tokens }
}

/// The model of a caller's call of this kind.
pub(crate) fn alias(caller: usize, kind: &Kind) -> String {
    format!("w{caller:02}-{}", kind.name)
}

/// Which caller a model belongs to: by our alias, or by what the demo model is told.
pub(crate) fn caller_of(model: &str) -> Option<usize> {
    let told = model.strip_prefix("mock/retry-after=").and_then(|rest| rest.split(';').next());
    let named = model.strip_prefix('w').and_then(|rest| rest.split('-').next());
    told.or(named)?.parse().ok()
}

/// What all callers together have done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Requests that were sent.
    pub(crate) sent: u64,
    /// Answers whose first byte has come.
    pub(crate) begun: u64,
    /// Answers that have come whole.
    pub(crate) ended: u64,
}

/// How far a call has come, as its caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was sent.
    Sent,
    /// The first byte of its answer has come.
    Begun,
    /// Its answer has come whole.
    Ended,
}

/// A call, as its caller saw it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) seen: Seen,
    /// The status of its answer.
    pub(crate) status: Option<u16>,
    /// The answer's `x-request-id`.
    pub(crate) request: Option<String>,
    /// The tokens that its answer reports.
    pub(crate) tokens: Option<i64>,
    /// The answer as far as it came.
    pub(crate) heard: String,
}

/// What the callers of one round share.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) counts: Arc<watch::Sender<Counts>>,
    /// Where all callers wait for each other before their third call.
    together: Option<Arc<Barrier>>,
    /// Nobody begins another call.
    pub(crate) over: Arc<AtomicBool>,
}

impl Load {
    pub(crate) fn on(address: String) -> Self {
        let (counts, _) = watch::channel(Counts::default());
        Self { address, counts: Arc::new(counts), together: None, over: Arc::default() }
    }

    /// The same, with a moment at which all callers send a request: so many open records at once
    /// that the server is busy with them for a while.
    pub(crate) fn together(self) -> Self {
        Self { together: Some(Arc::new(Barrier::new(CALLERS))), ..self }
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(add);
    }

    /// Makes one call of these kinds after the other until the server is gone or the load is over.
    pub(crate) async fn caller(
        self,
        (number, token): (usize, String),
        kinds: &[Kind],
        dice: Dice,
    ) -> Vec<Call> {
        let mut calls = Vec::new();
        let Ok(mut stream) = TcpStream::connect(&self.address).await else { return calls };
        drop(stream.set_nodelay(true));
        while !self.over.load(Ordering::SeqCst) {
            if let Some(all) = self.together.as_ref().filter(|_| calls.len() == 2) {
                all.wait().await;
            }
            let kind = dice.one(kinds);
            let request = self.request(number, &token, kind);
            let (call, open) = self.call(&mut stream, &request).await;
            let refused = call.status.is_some_and(|status| status != 200);
            calls.push(call);
            if !open {
                return calls;
            }
            if refused {
                tokio::time::sleep(REST).await;
            }
        }
        calls
    }

    /// Makes one call of this kind.
    pub(crate) async fn once(self, number: usize, token: String, kind: Kind) -> Result<Call> {
        let mut stream = TcpStream::connect(&self.address).await?;
        Ok(self.call(&mut stream, &self.request(number, &token, &kind)).await.0)
    }

    /// One call; the flag says whether the connection is still good.
    async fn call(&self, stream: &mut TcpStream, request: &str) -> (Call, bool) {
        let open = stream.write_all(request.as_bytes()).await.is_ok();
        self.count(|counts| counts.sent += 1);
        let mut heard = Vec::new();
        let mut ended = false;
        while open && !ended {
            let first = heard.is_empty();
            match stream.read_buf(&mut heard).await {
                Ok(0) | Err(_) => break,
                Ok(_) if first => self.count(|counts| counts.begun += 1),
                Ok(_) => {}
            }
            ended = is_whole(&String::from_utf8_lossy(&heard));
        }
        if ended {
            self.count(|counts| counts.ended += 1);
        }
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let seen = match (ended, heard.is_empty()) {
            (true, _) => Seen::Ended,
            (false, false) => Seen::Begun,
            (false, true) => Seen::Sent,
        };
        let status = heard.split(' ').nth(1).and_then(|status| status.parse().ok());
        let request = header(&heard, "x-request-id").map(str::to_owned);
        let tokens = number_after(&heard, "\"total_tokens\":");
        (Call { seen, status, request, tokens, heard }, ended)
    }

    /// A request as it goes over the wire.
    fn request(&self, caller: usize, token: &str, kind: &Kind) -> String {
        let body = |content: &str| {
            let body = serde_json::json!({
                "model": alias(caller, kind),
                "max_tokens": kind.max_tokens,
                "stream": kind.streams,
                "messages": [{ "role": "user", "content": content }],
            });
            body.to_string()
        };
        let missing = BODY - body("").len();
        let (host, body) = (&self.address, body(&"x".repeat(missing)));
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\
             \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A header of an answer whose head has come whole.
pub(crate) fn header<'a>(heard: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = heard.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Whether an answer has come whole.
pub(crate) fn is_whole(heard: &str) -> bool {
    let Some((_, body)) = heard.split_once("\r\n\r\n") else { return false };
    match header(heard, "content-length") {
        Some(length) => length.parse() == Ok(body.len()),
        None => body.ends_with("\r\n0\r\n\r\n"),
    }
}

fn number_after(text: &str, word: &str) -> Option<i64> {
    let (_, rest) = text.rsplit_once(word)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
