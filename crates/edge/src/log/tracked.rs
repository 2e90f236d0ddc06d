//! A request, watched so that its line is written when its answer ends or nobody waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use super::line::{Ended, Line};
use crate::context::Exchange;
use crate::listen::Busy;

/// Longest line that is expected, in bytes; longer ones make the buffer grow.
const LINE_BYTES: usize = 512;

/// Writes a request's line when it is dropped: with its answer, or before there is one when the
/// caller hangs up.
pub(crate) struct Watch {
    exchange: Exchange,
    method: Method,
    status: Option<StatusCode>,
    bytes: u64,
    ended: Option<Ended>,
    /// While this lives, the connection is not idle.
    _busy: Option<Busy>,
}

impl Watch {
    pub(crate) fn new(exchange: Exchange, method: Method, busy: Option<Busy>) -> Self {
        exchange.edge().traffic.begin();
        Self { exchange, method, status: None, bytes: 0, ended: None, _busy: busy }
    }

    /// Goes on watching the answer's body.
    pub(crate) fn wrap(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        response.map(|body| Body::new(Tracked { body, watch: self }))
    }

    /// hyper does not ask for the body of an answer that must not have one.
    fn sends_nothing(&self) -> bool {
        self.method == Method::HEAD
            || matches!(self.status, Some(StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let edge = self.exchange.edge();
        let line = Line {
            time: edge.clock.now(),
            request_id: self.exchange.id(),
            method: &self.method,
            status: self.status,
            duration: edge.clock.elapsed().saturating_sub(self.exchange.0.started),
            network: self.exchange.network(),
            bytes_out: self.bytes,
            ended: self.ended.unwrap_or(Ended::ClientGone),
        };
        let mut out = String::with_capacity(LINE_BYTES);
        let dialect = self.exchange.note().with(|noted| {
            line.write(noted, edge.log.style(), &mut out);
            noted.dialect
        });
        edge.traffic.end(dialect, self.status);
        edge.log.push(out.as_bytes());
    }
}

/// The body of a watched answer.
struct Tracked {
    body: Body,
    watch: Watch,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.watch.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(_))) => self.watch.ended = Some(Ended::Cut),
            Poll::Ready(None) => {
                self.watch.ended.get_or_insert(Ended::Complete);
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        // hyper does not ask for the end of a body whose length it knows.
        let all_sent = self.body.is_end_stream() || self.body.size_hint().exact() == Some(0);
        if self.watch.ended.is_none() && (all_sent || self.watch.sends_nothing()) {
            self.watch.ended = Some(Ended::Complete);
        }
    }
}
