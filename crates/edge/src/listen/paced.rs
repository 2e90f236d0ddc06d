//! A connection's bytes, with deadlines for the next request, for a head that drips and for a
//! reader that does not read, and an eye on how lines end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::Pace;
use super::line_ends::LineEnds;

/// What a connection and its requests tell each other.
pub(crate) struct Pulse {
    /// When the connection was made.
    start: Instant,
    /// Requests whose head has come, since then.
    begun: AtomicU32,
    /// Requests whose answer has not ended.
    open: AtomicU32,
    /// When the last answer ended, in milliseconds after the start.
    ended_ms: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self { start, begun: 0.into(), open: 0.into(), ended_ms: 0.into() }
    }

    /// Since when no request is being answered.
    fn rests_since(&self) -> Option<Instant> {
        let rests = self.open.load(Ordering::Acquire) == 0;
        let ended = Duration::from_millis(self.ended_ms.load(Ordering::Relaxed));
        rests.then(|| self.start + ended)
    }
}

/// A request that is being answered.
pub(crate) struct Busy(Arc<Pulse>);

impl Busy {
    pub(crate) fn new(pulse: Arc<Pulse>) -> Self {
        pulse.begun.fetch_add(1, Ordering::Relaxed);
        pulse.open.fetch_add(1, Ordering::Relaxed);
        Self(pulse)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let ms = self.0.start.elapsed().as_millis();
        self.0.ended_ms.store(u64::try_from(ms).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

/// What is awaited of the other end.
enum Wanted {
    /// The next request, once the answer before it has ended.
    Request,
    /// The rest of a head that has begun (as the connection has) after this many requests.
    Head { after: u32, since: Instant },
    /// HTTP/2 has its own limits for heads, and pings.
    Http2,
}

/// A connection with deadlines.
pub(crate) struct Paced<IO> {
    io: IO,
    pulse: Arc<Pulse>,
    pace: Pace,
    wanted: Wanted,
    line_ends: LineEnds,
    spoken: bool,
    /// One timer for all that is awaited in turn: it is moved when it fires, or when it would fire
    /// too late.
    timer: Option<Pin<Box<Sleep>>>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<IO> Paced<IO> {
    pub(crate) fn new(io: IO, pulse: Arc<Pulse>, pace: Pace) -> Self {
        let wanted = Wanted::Head { after: 0, since: Instant::now() };
        let line_ends = LineEnds::new();
        Self { io, pulse, pace, wanted, line_ends, spoken: false, timer: None, stall: None }
    }

    /// Notes bytes that came.
    fn heard(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.spoken && bytes.starts_with(b"PRI ") {
            self.wanted = Wanted::Http2;
        }
        self.spoken = true;
        if matches!(self.wanted, Wanted::Request) && self.pulse.rests_since().is_some() {
            let after = self.pulse.begun.load(Ordering::Relaxed);
            self.wanted = Wanted::Head { after, since: Instant::now() };
        }
    }

    /// Forgets a head that has become a request.
    fn settle_head(&mut self) {
        if let Wanted::Head { after, .. } = self.wanted
            && after != self.pulse.begun.load(Ordering::Relaxed)
        {
            self.wanted = Wanted::Request;
        }
    }

    /// Whether what is awaited has taken too long. While a request is being answered nothing is,
    /// and still the timer runs: hyper does not read again only because an answer has ended.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let due = match self.wanted {
            Wanted::Request => {
                self.pulse.rests_since().unwrap_or_else(Instant::now) + self.pace.idle
            }
            Wanted::Head { since, .. } => since + self.pace.head,
            Wanted::Http2 => return false,
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if due <= Instant::now() {
                return true;
            }
            timer.as_mut().reset(due);
        }
        false
    }

    /// Ends a write that the other end has not taken for too long.
    fn stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let timer = self.stall.get_or_insert_with(|| Box::pin(sleep(self.pace.write_stall)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Paced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.settle_head();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.io).poll_read(cx, buffer);
        match &polled {
            Poll::Ready(Ok(())) => {
                let came = buffer.filled_mut().get_mut(before..).unwrap_or_default();
                this.heard(came);
                if !this.line_ends.check(came) {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if this.is_late(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Paced<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.stalled(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.stalled(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
