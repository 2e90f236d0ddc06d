//! An answer as steps on the wire, and the faults that a test asks for worked into it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::control::{Control, Echo, Fault};
use super::wire::Wire;

/// A piece of an answer.
#[derive(Clone)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// The tokens that it brings.
    pub(super) tokens: u64,
    /// Whether it holds the usage.
    pub(super) reports: bool,
    /// Whether it is one of those that pauses and faults are counted by.
    pub(super) content: bool,
}

impl Chunk {
    /// A piece that only frames others.
    pub(super) fn frame(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), tokens: 0, reports: false, content: false }
    }

    /// A piece with this many tokens.
    pub(super) fn content(bytes: impl Into<Bytes>, tokens: u64) -> Self {
        Self { tokens, content: true, ..Self::frame(bytes) }
    }

    /// The same, holding the usage.
    pub(super) fn reporting(self, reports: bool) -> Self {
        Self { reports, ..self }
    }
}

enum Step {
    Write(Chunk),
    Wait(Duration),
    Stall,
    Reset,
}

type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// The body of an answer.
pub(super) struct Script {
    steps: Steps,
    sleep: Option<Pin<Box<Sleep>>>,
    wire: Wire,
    /// The `Content-Length`; `None`: chunked.
    length: Option<u64>,
    written: u64,
}

const FOREVER: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Long enough for what was written before to leave.
const PAUSE: Duration = Duration::from_millis(5);
/// `0`, a line end, a line end (RFC 9112, 7.1).
const LAST_CHUNK: u64 = 5;
const GARBAGE: &[u8] = b"data: %% this is not JSON %%\n\n";

impl Script {
    /// A stream of events with `content` pieces that count, and what `control` does to it. `key` is
    /// what is cut in two where that is asked for.
    pub(super) fn stream(
        chunks: impl Iterator<Item = Chunk> + Send + 'static,
        content: u64,
        control: &Control,
        (wire, key): (Wire, String),
    ) -> Self {
        let (every, fault) = (control.every, control.fault);
        let half = content / 2;
        let tail = u32::try_from(content - half).unwrap_or(u32::MAX).max(1);
        let tail = control.slow_tail / tail;
        let mut seen = 0;
        let mut ended = false;
        let steps = chunks.map_while(move |chunk| {
            if ended {
                return None;
            }
            if !chunk.content {
                return Some(vec![Step::Write(chunk)]);
            }
            seen += 1;
            let late = seen > half;
            if let Some(last) = fault.filter(|_| late).and_then(|fault| broken(fault, &chunk)) {
                ended = true;
                return Some(last);
            }
            let wait = if late { every + tail } else { every };
            Some(vec![Step::Wait(wait), Step::Write(chunk)])
        });
        let steps = cut_key(steps.flatten(), control, key);
        Self { steps, sleep: None, wire, length: None, written: 0 }
    }

    /// A JSON text, and what `control` does to it.
    pub(super) fn json(chunk: Chunk, control: &Control, (wire, key): (Wire, String)) -> Self {
        let mut length = chunk.bytes.len() as u64;
        let half = chunk.bytes.len() / 2;
        let first = Chunk { bytes: chunk.bytes.slice(..half), reports: false, ..chunk.clone() };
        let steps = match control.fault {
            Some(Fault::Stall) => vec![Step::Write(first), Step::Stall],
            Some(Fault::Reset) => vec![Step::Write(first), Step::Wait(PAUSE), Step::Reset],
            Some(Fault::HalfFrame) => {
                length = half as u64;
                vec![Step::Write(first)]
            }
            Some(Fault::Garbage) => {
                length = GARBAGE.len() as u64;
                vec![Step::Write(Chunk { bytes: GARBAGE.into(), ..first })]
            }
            _ if control.slow_tail.is_zero() => vec![Step::Write(chunk)],
            _ => {
                let rest = Chunk::frame(chunk.bytes.slice(half..)).reporting(chunk.reports);
                vec![Step::Write(first), Step::Wait(control.slow_tail), Step::Write(rest)]
            }
        };
        let steps = cut_key(steps.into_iter(), control, key);
        Self { steps, sleep: None, wire, length: Some(length), written: 0 }
    }

    /// A JSON text in one piece, as fast as can be.
    pub(super) fn fixed(chunk: Chunk, wire: Wire) -> Self {
        let length = Some(chunk.bytes.len() as u64);
        let steps = Box::new(std::iter::once(Step::Write(chunk)));
        Self { steps, sleep: None, wire, length, written: 0 }
    }

    fn write(&mut self, chunk: &Chunk) {
        let length = chunk.bytes.len() as u64;
        self.written += length;
        // RFC 9112, 7.1: the length in hexadecimal digits, a line end, the bytes, a line end.
        let framing = match self.length {
            Some(_) => 0,
            None => u64::from(length.checked_ilog(16).unwrap_or(0)) + 1 + 4,
        };
        self.wire.plan(length + framing, chunk.tokens, chunk.reports);
        // The HTTP library does not ask for more than the length that it announced.
        if self.length == Some(self.written) {
            self.wire.end(0);
        }
    }
}

/// How `fault` ends a stream in place of `chunk`, if it is one that does.
fn broken(fault: Fault, chunk: &Chunk) -> Option<Vec<Step>> {
    match fault {
        Fault::Stall => Some(vec![Step::Stall]),
        Fault::Reset => Some(vec![Step::Wait(PAUSE), Step::Reset]),
        Fault::HalfFrame => {
            let half = chunk.bytes.slice(..chunk.bytes.len() / 2);
            Some(vec![Step::Write(Chunk::frame(half))])
        }
        Fault::Garbage => Some(vec![Step::Write(Chunk::frame(GARBAGE))]),
        Fault::StallHead | Fault::ResetHead | Fault::GarbageHead | Fault::Redirect => None,
    }
}

/// Cuts the piece that holds the key inside the key, where that is asked for, with a pause between
/// so that the two halves do not travel together.
fn cut_key(
    steps: impl Iterator<Item = Step> + Send + 'static,
    control: &Control,
    key: String,
) -> Steps {
    if control.echo != Some(Echo::Split) || key.is_empty() {
        return Box::new(steps);
    }
    Box::new(steps.flat_map(move |step| {
        let Step::Write(mut chunk) = step else { return vec![step] };
        let Some(at) = memchr::memmem::find(&chunk.bytes, key.as_bytes()) else {
            return vec![Step::Write(chunk)];
        };
        let second = chunk.bytes.split_off(at + key.len() / 2);
        let second = Chunk { bytes: second, tokens: 0, content: false, reports: chunk.reports };
        let first = chunk.reporting(false);
        vec![Step::Write(first), Step::Wait(PAUSE), Step::Write(second)]
    }))
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            match self.steps.next() {
                Some(Step::Write(chunk)) if chunk.bytes.is_empty() => {}
                Some(Step::Write(chunk)) => {
                    self.write(&chunk);
                    return Poll::Ready(Some(Ok(Frame::data(chunk.bytes))));
                }
                Some(Step::Wait(Duration::ZERO)) => {}
                Some(Step::Wait(wait)) => self.sleep = Some(Box::pin(tokio::time::sleep(wait))),
                // The connection's end wakes the task that owns this body.
                Some(Step::Stall) => self.sleep = Some(Box::pin(tokio::time::sleep(FOREVER))),
                Some(Step::Reset) => {
                    self.wire.reset();
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
                None => {
                    if self.length.is_none() {
                        self.wire.end(LAST_CHUNK);
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
