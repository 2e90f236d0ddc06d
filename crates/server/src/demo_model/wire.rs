//! The socket, watched: how much of an answer the operating system has really taken for sending.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::meter::Call;

/// What is known of a connection; shared by its socket, its service and the body under way.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The call whose answer is under way.
    call: Option<Call>,
    /// How much of `\r\n\r\n`, the end of the answer's head, has been seen.
    head_end: usize,
    /// Bytes of the answer's body that were taken.
    written: u64,
    /// Bytes of the body that were handed to the HTTP library.
    planned: u64,
    pieces: VecDeque<Piece>,
    /// Nothing will be added to what is planned.
    ended: bool,
    break_with: Option<Break>,
}

/// A piece of the body that counts when all of it was taken.
struct Piece {
    end: u64,
    tokens: u64,
    reports: bool,
}

#[derive(Clone, Copy)]
enum Break {
    Reset,
    Garbage,
}

const HEAD_END: &[u8] = b"\r\n\r\n";

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next answer on this connection is this call's.
    pub(super) fn begin(&self, call: Call) {
        let mut state = self.state();
        let break_with = state.break_with;
        *state = State { call: Some(call), break_with, ..State::default() };
    }

    /// `bytes` more of the body, framing included, will be written; when all of them are, `tokens`
    /// count and, if it `reports`, the usage was told.
    pub(super) fn plan(&self, bytes: u64, tokens: u64, reports: bool) {
        let mut state = self.state();
        state.planned += bytes;
        let end = state.planned;
        state.pieces.push_back(Piece { end, tokens, reports });
    }

    /// Nothing comes after `bytes` more.
    pub(super) fn end(&self, bytes: u64) {
        let mut state = self.state();
        state.planned += bytes;
        state.ended = true;
        state.settle();
    }

    /// The connection will be reset when it is closed.
    pub(super) fn reset(&self) {
        self.state().break_with = Some(Break::Reset);
    }

    /// Instead of the answer something will be sent that is not HTTP.
    pub(super) fn garbage(&self) {
        self.state().break_with = Some(Break::Garbage);
    }
}

impl State {
    fn took(&mut self, mut bytes: &[u8]) {
        if self.call.is_none() {
            return;
        }
        while self.head_end < HEAD_END.len() {
            let Some((first, rest)) = bytes.split_first() else { return };
            let expected = HEAD_END.get(self.head_end);
            self.head_end = match first {
                first if Some(first) == expected => self.head_end + 1,
                b'\r' => 1,
                _ => 0,
            };
            bytes = rest;
        }
        self.written += bytes.len() as u64;
        self.settle();
    }

    fn settle(&mut self) {
        let Some(call) = &mut self.call else { return };
        while self.pieces.front().is_some_and(|piece| piece.end <= self.written) {
            if let Some(piece) = self.pieces.pop_front() {
                call.line.output_tokens += piece.tokens;
                call.line.reported |= piece.reports;
            }
        }
        if self.ended && self.written >= self.planned {
            call.line.cut = false;
            self.call = None;
        }
    }
}

/// A socket that tells its wire what it wrote.
pub(super) struct Socket {
    inner: TcpStream,
    wire: Wire,
}

impl Socket {
    pub(super) fn new(inner: TcpStream, wire: Wire) -> Self {
        Self { inner, wire }
    }

    fn breaks_with(&self) -> Option<Break> {
        self.wire.state().break_with
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(Break::Garbage) = self.breaks_with() {
            let sent =
                Pin::new(&mut self.inner).poll_write(cx, b"\x15\x03\x01 this is no HTTP\r\n\r\n");
            return sent.map(|_| Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let taken = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = taken {
            self.wire.state().took(buf.get(..n).unwrap_or_default());
        }
        taken
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.breaks_with().is_some() {
            return self.poll_write(cx, b"");
        }
        let taken = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut left)) = taken {
            let mut state = self.wire.state();
            for buf in bufs {
                let n = left.min(buf.len());
                state.took(buf.get(..n).unwrap_or_default());
                left -= n;
            }
        }
        taken
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Break::Reset) = self.breaks_with() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(Break::Reset) = self.breaks_with()
            && let Err(error) = self.inner.set_zero_linger()
        {
            tracing::error!(%error, "the demo model cannot reset a connection");
        }
    }
}
