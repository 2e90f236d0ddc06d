//! Answers that are passed on: a body that can fail in the middle, and what is said then.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};
use tollgate_kernel::Error;
use tollgate_protocol::openai::Route;

use crate::context::Exchange;
use crate::error::stream_event;

/// An answer of `route` as it goes out. When its body fails, a stream ends with an error event in
/// the route's dialect, so that nobody takes the cut for an end; an answer that is no stream can
/// only break off. Either way the error is in the request's line.
pub fn speak<B>(response: http::Response<B>, route: Route, exchange: &Exchange) -> Response
where
    B: http_body::Body<Data = Bytes, Error = Error> + Send + Unpin + 'static,
{
    let content_type = response.headers().get(CONTENT_TYPE);
    let events = content_type.is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
    spoken(response, events.then_some(route), exchange)
}

/// An answer of a program whose dialect is its own, as it goes out. When its body fails it breaks
/// off, so that nobody takes the cut for an end, and the error is in the request's line.
pub fn relay<B>(response: http::Response<B>, exchange: &Exchange) -> Response
where
    B: http_body::Body<Data = Bytes, Error = Error> + Send + Unpin + 'static,
{
    spoken(response, None, exchange)
}

fn spoken<B>(response: http::Response<B>, route: Option<Route>, exchange: &Exchange) -> Response
where
    B: http_body::Body<Data = Bytes, Error = Error> + Send + Unpin + 'static,
{
    let exchange = exchange.clone();
    response.map(|body| {
        let sequence = Sequence { counts: route == Some(Route::Responses), next: 0 };
        Body::new(Spoken { body, route, sequence, broken: None, ended: false, exchange })
    })
}

struct Spoken<B> {
    body: B,
    /// Whose error events end it; none where it is no stream of events that we know.
    route: Option<Route>,
    sequence: Sequence,
    /// Why it breaks off with the next poll.
    broken: Option<Arc<Error>>,
    /// The error has been said.
    ended: bool,
    exchange: Exchange,
}

impl<B> http_body::Body for Spoken<B>
where
    B: http_body::Body<Data = Bytes, Error = Error> + Unpin,
{
    type Data = Bytes;
    type Error = Arc<Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Arc<Error>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(error) = self.broken.take() {
            self.ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        let error = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => {
                frame.data_ref().inspect(|data| self.sequence.heard(data));
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(Some(Err(error))) => Arc::new(error),
        };
        self.exchange.note().error(Arc::clone(&error));
        if let Some(route) = self.route {
            self.ended = true;
            let event = stream_event(&error, route, self.sequence.next);
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        // First what came before it goes out: a connection that breaks takes what waits along.
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // An error event would come on top of what the body says.
        if self.route.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

/// The numbers of a Responses stream's events.
struct Sequence {
    counts: bool,
    next: u64,
}

impl Sequence {
    fn heard(&mut self, data: &[u8]) {
        const MEMBER: &[u8] = b"\"sequence_number\":";
        if !self.counts {
            return;
        }
        // In a string the quotes would be escaped: what matches is the member itself.
        let Some(at) = memchr::memmem::rfind(data, MEMBER) else { return };
        let digits = data.get(at + MEMBER.len()..).unwrap_or_default().trim_ascii_start();
        let digits = digits.iter().take_while(|b| b.is_ascii_digit());
        let number =
            digits.fold(0_u64, |n, b| n.saturating_mul(10).saturating_add((b - b'0').into()));
        self.next = number.saturating_add(1);
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use futures_util::StreamExt;
    use http_body_util::{BodyExt, StreamBody};
    use tollgate_kernel::{Access, Kind};

    use super::*;
    use crate::reply::Reply;
    use crate::route::Row;
    use crate::testing::{app_with, request};

    /// What a caller reads of a stream that fails after `pieces`, and whether it broke off.
    async fn heard(
        content_type: &'static str,
        route: Route,
        pieces: &'static [&'static str],
    ) -> (String, bool) {
        let handler = move |exchange: Exchange| async move {
            let whole = futures_util::stream::iter(pieces)
                .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
                .chain(futures_util::stream::iter([Err(Error::new(
                    Kind::UpstreamFailed,
                    "It broke.",
                ))]));
            let response = http::Response::builder().header(CONTENT_TYPE, content_type);
            let response = response.body(StreamBody::new(whole)).expect("a response");
            Reply::Ok(speak(response, route, &exchange))
        };
        let row = Row::get("/v1/s", Access::Public, "Speaks", handler).ignores_credentials();
        let mut body = app_with(vec![row]).handle(request("GET", "/v1/s", &[])).await.into_body();
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return (text, true) };
            text += &String::from_utf8_lossy(frame.data_ref().expect("data"));
        }
        (text, false)
    }

    #[tokio::test]
    async fn a_stream_that_fails_ends_with_an_error_event() {
        let (text, broke) =
            heard("text/event-stream", Route::ChatCompletions, &["data: {\"a\":1}\n\n"]).await;
        let error = "data: {\"error\":{\"message\":\"It broke.\",\"type\":\"server_error\",\
                     \"param\":null,\"code\":\"upstream_failed\"}}\n\n";
        assert_eq!(text, format!("data: {{\"a\":1}}\n\n{error}"));
        assert!(!broke);
    }

    #[tokio::test]
    async fn a_responses_stream_goes_on_counting() {
        let pieces = &["data: {\"sequence_number\":8}\n\ndata: {\"sequence_number\": 9}\n\n", "x"];
        let (text, broke) = heard("text/event-stream", Route::Responses, pieces).await;
        assert!(text.ends_with(",\"param\":null,\"sequence_number\":10}\n\n"), "{text}");
        assert!(!broke);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_stream_breaks_off() {
        let (text, broke) = heard("application/json", Route::Embeddings, &["{\"a\":"]).await;
        assert_eq!(text, "{\"a\":");
        assert!(broke);
    }
}
