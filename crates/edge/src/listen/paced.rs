//! A connection's bytes, with deadlines for the next request, for a head that drips and for a
//! reader that does not read, and an eye on how lines end. What HTTP/2 adds to that, the windows of
//! its streams, is in `unread`.

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
use super::versions::Version;

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

    /// How old the connection is.
    pub(super) fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// For how long no request has been answered.
    pub(super) fn rests_for(&self) -> Option<Duration> {
        self.rests_since().map(|since| since.elapsed())
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
        let ms = self.0.age().as_millis();
        self.0.ended_ms.store(u64::try_from(ms).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

/// What HTTP/2 begins with, in bytes (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;

/// What is awaited of the other end.
enum Wanted {
    /// The next request, once the answer before it has ended.
    Request,
    /// The rest of a head that has begun (as the connection has) after this many requests.
    Head { after: u32, since: Instant },
    /// So many bytes more of what HTTP/2 begins with.
    Preface { left: usize, since: Instant },
    /// Nothing that is seen here: the rest of HTTP/2.
    Frames,
}

/// A connection with deadlines.
pub(crate) struct Paced<IO> {
    io: IO,
    pulse: Arc<Pulse>,
    pace: Pace,
    wanted: Wanted,
    line_ends: LineEnds,
    /// One timer for all that is awaited in turn: it is moved when it fires, or when it would fire
    /// too late.
    timer: Option<Pin<Box<Sleep>>>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<IO> Paced<IO> {
    pub(super) fn new(io: IO, pulse: Arc<Pulse>, pace: Pace, version: Version) -> Self {
        let since = Instant::now();
        let wanted = match version {
            Version::One => Wanted::Head { after: 0, since },
            Version::Two => Wanted::Preface { left: PREFACE_BYTES, since },
        };
        Self { io, pulse, pace, wanted, line_ends: LineEnds::new(), timer: None, stall: None }
    }

    /// Notes bytes that came.
    fn heard(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.wanted {
            Wanted::Request if self.pulse.rests_since().is_some() => {
                let after = self.pulse.begun.load(Ordering::Relaxed);
                self.wanted = Wanted::Head { after, since: Instant::now() };
            }
            Wanted::Preface { left, since } => {
                let left = left.saturating_sub(bytes.len());
                self.wanted = match left {
                    0 => Wanted::Frames,
                    left => Wanted::Preface { left, since },
                };
            }
            Wanted::Request | Wanted::Head { .. } | Wanted::Frames => {}
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
            Wanted::Head { since, .. } | Wanted::Preface { since, .. } => since + self.pace.head,
            Wanted::Frames => return false,
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
