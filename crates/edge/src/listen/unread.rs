//! Answers over HTTP/2 that nobody reads.
//!
//! Each stream has a window, and a caller who opens none is no reader that stalls: its connection
//! takes all that may be sent, and answers pings. Else it would keep what its answers hold, money
//! and places in the queue, for as long as it likes.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::sleep;

use super::Pulse;

/// How often unread answers and idle connections of HTTP/2 are looked for, within the shorter of
/// the times after which they end.
const LOOKS: u32 = 4;

/// The answers of one connection.
#[derive(Clone)]
pub(super) struct Answers {
    pulse: Arc<Pulse>,
    book: Arc<Mutex<Book>>,
}

/// Those that are on their way.
#[derive(Default)]
struct Book {
    begun: u64,
    open: HashMap<u64, Arc<Mutex<Answer>>>,
}

/// A body on its way to hyper.
struct Answer {
    /// Nothing, once it was cut.
    body: Option<Body>,
    /// How old the connection was when hyper got the piece for which there is no room.
    waits_since: Option<Duration>,
}

impl Answers {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        Self { pulse, book: Arc::default() }
    }

    /// The same body, which is cut when it is not read.
    pub(super) fn watch(&self, body: Body) -> Watched {
        let answer = Arc::new(Mutex::new(Answer { body: Some(body), waits_since: None }));
        let mut book = locked(&self.book);
        book.begun += 1;
        let id = book.begun;
        book.open.insert(id, Arc::clone(&answer));
        Watched { answer, id, all: self.clone() }
    }

    /// Returns when, from now on, no request has been answered for `time`. Until then it cuts what
    /// has waited for `stall`.
    pub(super) async fn rest(&self, time: Duration, stall: Duration) {
        let start = self.pulse.age();
        loop {
            sleep(stall.min(time) / LOOKS).await;
            self.cut(stall);
            let passed = self.pulse.age().saturating_sub(start);
            if passed >= time && self.pulse.rests_for().is_some_and(|rests| rests >= time) {
                return;
            }
        }
    }

    /// Ends the answers of which a piece has waited for `stall`.
    fn cut(&self, stall: Duration) {
        let age = self.pulse.age();
        let open: Vec<_> = locked(&self.book).open.values().cloned().collect();
        for answer in open {
            // One that is being polled does not wait.
            let Ok(mut answer) = answer.try_lock() else { continue };
            if answer.waits_since.is_some_and(|since| age.saturating_sub(since) >= stall) {
                let body = answer.body.take();
                drop(answer);
                drop(body);
            }
        }
    }
}

/// A body that is watched.
pub(super) struct Watched {
    answer: Arc<Mutex<Answer>>,
    id: u64,
    all: Answers,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut answer = locked(&self.answer);
        // hyper asks again when the piece before has gone where there is room for it.
        answer.waits_since = None;
        let Some(body) = &mut answer.body else {
            return Poll::Ready(Some(Err(axum::Error::new("nobody read the answer"))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            answer.waits_since = Some(self.all.pulse.age());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.answer).body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.answer).body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        locked(&self.all.book).open.remove(&self.id);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
