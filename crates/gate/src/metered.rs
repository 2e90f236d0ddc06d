//! The body of an answer as the caller gets it: it owns the hold, and settles when it ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tollgate_kernel::Error;

use crate::drain::{Drain, Job};
use crate::ends::Ends;
use crate::flow::Flow;
use crate::plain_flow::PlainFlow;

/// An answer on its way to the caller. Dropped before its end, the drainer reads on.
pub struct Metered {
    source: Source,
    drain: Option<Drain>,
    ends: Option<Ends>,
    /// The first piece, read before the head of the answer went out.
    early: Option<Bytes>,
}

enum Source {
    Flow(Box<Flow>),
    Plain(Box<PlainFlow>),
    Whole(Option<Bytes>),
    Over,
}

impl Metered {
    /// The body of an answer that is metered as it passes.
    pub(crate) fn new(flow: Box<Flow>, drain: Drain) -> Self {
        let ends = flow.is_stream().then(|| Ends::of_credential(flow.live()));
        Self { source: Source::Flow(flow), drain: Some(drain), ends, early: None }
    }

    /// The body of an answer to a plain call, which goes on until one of these `ends`.
    pub(crate) fn plain(flow: Box<PlainFlow>, ends: Ends) -> Self {
        Self { source: Source::Plain(flow), drain: None, ends: Some(ends), early: None }
    }

    /// A body that is settled already.
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { source: Source::Whole(Some(body)), drain: None, ends: None, early: None }
    }

    /// Reads the first piece of an answer that is no stream. Mostly that is all of it, so that what
    /// is wrong with it is known before the caller was told of a success.
    pub(crate) async fn prime(&mut self) -> Result<(), Error> {
        let Source::Flow(flow) = &mut self.source else { return Ok(()) };
        if flow.is_stream() {
            return Ok(());
        }
        self.early = poll_fn(|context| flow.poll_next(context)).await.transpose()?;
        Ok(())
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(early) = self.early.take() {
            return Poll::Ready(Some(Ok(Frame::data(early))));
        }
        let polled = match &mut self.source {
            Source::Whole(body) => {
                return Poll::Ready(body.take().map(|body| Ok(Frame::data(body))));
            }
            Source::Over => return Poll::Ready(None),
            Source::Flow(flow) => flow.poll_next(context),
            Source::Plain(flow) => flow.poll_next(context),
        };
        let goes_on = matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_))));
        if goes_on
            && let Some(ends) = &mut self.ends
            && let Some(error) = ends.poll(polled.is_pending(), context)
        {
            self.hand_over();
            return Poll::Ready(Some(Err(error)));
        }
        match polled {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Some(Err(error))) => {
                self.source = Source::Over;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Flow(_) => false,
            Source::Plain(flow) => flow.is_over(),
            Source::Whole(body) => body.is_none(),
            Source::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Flow(flow) => with(flow.size_hint(), self.early.as_ref()),
            Source::Plain(flow) => flow.size_hint(),
            Source::Whole(Some(body)) => {
                SizeHint::with_exact(u64::try_from(body.len()).unwrap_or(u64::MAX))
            }
            Source::Whole(None) | Source::Over => SizeHint::with_exact(0),
        }
    }
}

/// The size of what is left, with a piece that was read already.
fn with(hint: SizeHint, early: Option<&Bytes>) -> SizeHint {
    let more = early.map_or(0, |early| u64::try_from(early.len()).unwrap_or(u64::MAX));
    hint.exact().map_or(hint, |left| SizeHint::with_exact(left.saturating_add(more)))
}

impl Metered {
    /// What nobody reads any more is read by the drainer.
    fn hand_over(&mut self) {
        if let Source::Flow(flow) = std::mem::replace(&mut self.source, Source::Over)
            && !flow.is_over()
            && let Some(drain) = &self.drain
        {
            drain.take(Job::Body(flow));
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.hand_over();
    }
}
