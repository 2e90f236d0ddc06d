//! A connection's bytes, with what hyper does not have: deadlines for a head that drips and for a
//! reader that does not read, and an eye on how lines end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Pace;
use super::line_ends::LineEnds;

/// What a connection and its requests tell each other.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Requests whose head has come, since the start.
    begun: AtomicU32,
    /// Requests whose answer has not ended.
    open: AtomicU32,
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
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the bytes that come next belong to.
enum Head {
    /// Nothing has come since the last request.
    None,
    /// A head has begun (or the connection has) after this many requests.
    Begun { after: u32, timer: Option<Pin<Box<Sleep>>> },
    /// HTTP/2 has its own limits for heads, and pings.
    Http2,
}

/// A connection with deadlines.
pub(crate) struct Paced<IO> {
    io: IO,
    pulse: Arc<Pulse>,
    pace: Pace,
    head: Head,
    line_ends: LineEnds,
    spoken: bool,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<IO> Paced<IO> {
    pub(crate) fn new(io: IO, pulse: Arc<Pulse>, pace: Pace) -> Self {
        let head = Head::Begun { after: 0, timer: None };
        let line_ends = LineEnds::new();
        Self { io, pulse, pace, head, line_ends, spoken: false, stall: None }
    }

    /// Notes bytes that came. A timer is made only if the head is not complete with them.
    fn heard(&mut self, bytes: &[u8]) {
        if !self.spoken && bytes.starts_with(b"PRI ") {
            self.head = Head::Http2;
        }
        self.spoken = true;
        let idle = self.pulse.open.load(Ordering::Relaxed) == 0;
        if matches!(self.head, Head::None) && idle && !bytes.is_empty() {
            let after = self.pulse.begun.load(Ordering::Relaxed);
            self.head = Head::Begun { after, timer: None };
        }
    }

    /// Whether the head that is awaited has taken too long.
    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Head::Begun { timer, .. } = &mut self.head else { return false };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(self.pace.head)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// Forgets a head that has become a request.
    fn settle_head(&mut self) {
        if let Head::Begun { after, .. } = &self.head
            && *after != self.pulse.begun.load(Ordering::Relaxed)
        {
            self.head = Head::None;
        }
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
            Poll::Pending if this.head_is_late(cx) => {
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
