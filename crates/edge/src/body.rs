//! Reading a request's body: all of it or nothing, within the route's limit, at a decent pace.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tollgate_kernel::{Clock, Error, Kind};

/// How long a body may take, whatever its size.
const GRACE: Duration = Duration::from_secs(10);

/// How fast a body must come once the grace is over, in bytes per second.
const PACE: u64 = 1_024;

/// Largest buffer that is made on a `Content-Length`'s word alone, in bytes.
const TRUSTED_LENGTH: usize = 64 * 1_024;

/// Bodies that are copied out of the connection's buffer, in bytes.
const SMALL: usize = 4 * 1_024;

pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Kind::TooLarge, format!("The body is larger than {limit} bytes. Send less."))
}

/// Reads `body` whole. Errors: larger than `limit` bytes, slower than 1 KiB/s, cut off.
pub(crate) async fn read(body: Body, limit: usize, clock: &dyn Clock) -> Result<Bytes, Error> {
    let mut body = body;
    let mut started = None;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut length = 0_usize;
    loop {
        // Mostly all of it is there, or with the connection's next turn, and nobody needs to look
        // at the clock.
        let frame = match soon(body.frame()).await {
            Some(frame) => frame,
            None => {
                let earned = Duration::from_millis((length as u64).saturating_mul(1_000) / PACE);
                let now = clock.elapsed();
                let taken = now.saturating_sub(*started.get_or_insert(now));
                let left = (GRACE + earned).saturating_sub(taken);
                let frame = tokio::time::timeout(left, body.frame()).await;
                frame.map_err(|_| too_slow())?
            }
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|source| cut_off().with_source(source))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > limit {
            return Err(too_large(limit));
        }
        match first.take() {
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(start) => {
                let hint = usize::try_from(body_hint(&body)).unwrap_or(0).min(TRUSTED_LENGTH);
                rest.reserve(start.len() + data.len() + hint);
                rest.extend_from_slice(&start);
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(match first {
        // A body lives as long as its call: a small one is copied, so that it does not keep the
        // connection's whole buffer.
        Some(piece) if piece.len() <= SMALL => Bytes::copy_from_slice(&piece),
        Some(piece) => piece,
        None => rest.freeze(),
    })
}

/// What `future` comes to, if it is there at once or after one turn of everybody else.
async fn soon<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|context| match Pin::new(&mut future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

fn body_hint(body: &Body) -> u64 {
    http_body::Body::size_hint(body).lower()
}

fn too_slow() -> Error {
    Error::invalid("The body came too slowly. Send at least 1 KiB per second.")
}

fn cut_off() -> Error {
    Error::invalid("The body ended before all of it had come.")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt;
    use tollgate_kernel::{ManualClock, Timestamp};

    use super::*;

    fn pieces(list: &[&'static str]) -> Body {
        let list: Vec<Result<&'static str, Infallible>> = list.iter().map(|s| Ok(*s)).collect();
        Body::from_stream(futures_util::stream::iter(list))
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let clock = ManualClock::at(Timestamp::from_secs(0));
        for list in [&[][..], &["abc"], &["a", "b", "c"], &["", "a", "", "b"]] {
            assert_eq!(read(pieces(list), 3, &clock).await.unwrap(), list.concat());
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_cut_at_the_limit() {
        let clock = ManualClock::at(Timestamp::from_secs(0));
        let error = read(pieces(&["ab", "cd"]), 3, &clock).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
    }

    #[tokio::test]
    async fn f16_a_slow_body_is_given_up() {
        // The grace is over when the second piece is waited for.
        let late = LateClock(ManualClock::at(Timestamp::from_secs(0)));
        let first = futures_util::stream::once(async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>("a")
        });
        let silent = first.chain(futures_util::stream::pending());
        let error = read(Body::from_stream(silent), 100, &late).await.unwrap_err();
        assert!(error.detail().contains("slowly"));
    }

    /// Every look at it is eleven seconds after the one before.
    struct LateClock(ManualClock);

    impl Clock for LateClock {
        fn now(&self) -> Timestamp {
            self.0.now()
        }

        fn elapsed(&self) -> Duration {
            self.0.advance(Duration::from_secs(11));
            self.0.elapsed()
        }
    }
}
