//! The answer to a plain call as it flows: nothing in it is counted, and our own secrets are looked
//! for. It counts as one call, whatever becomes of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, SizeHint};
use tollgate_kernel::{Charged, EntryState, Error, Kind, Tally, Unit, Usage};
use tracing::warn;

use crate::hold::{Held, Hold};
use crate::pool::UpstreamBody;
use crate::scan::{EscapedScan, SecretScan};
use crate::silence::Silence;
use crate::target::Target;

/// An answer in flow. Dropped before its end, it is settled all the same: the call was made.
pub(crate) struct PlainFlow {
    body: UpstreamBody,
    held: Option<Held>,
    title: Arc<str>,
    scans: Vec<Looking>,
    silence: Silence,
}

/// A look for one secret, as it is and in the escapes of JSON.
struct Looking {
    plain: SecretScan,
    escaped: EscapedScan,
}

impl PlainFlow {
    /// The body of what `target` answered.
    pub(crate) fn new(body: UpstreamBody, hold: Hold, target: &Target) -> Box<Self> {
        let looking = |needle| Looking {
            plain: SecretScan::new(Some(needle)),
            escaped: EscapedScan::new(Some(needle)),
        };
        Box::new(Self {
            body,
            held: Some(hold.held),
            title: target.title.clone(),
            scans: target.needles.iter().map(looking).collect(),
            silence: Silence::new(target.patience.silence),
        })
    }

    /// Whether nothing is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.held.is_none() || (self.body.is_end_stream() && self.scans.is_empty())
    }

    /// The size of what is still to come, where it is known.
    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.held.is_none() {
            return SizeHint::with_exact(0);
        }
        let kept: u64 = self.scans.iter().map(|looking| looking.plain.kept()).sum();
        let left = self.body.size_hint().exact();
        left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left.saturating_add(kept)))
    }

    /// The next piece for the caller; `None` at the end, an error where the upstream broke off.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if self.held.is_none() {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.heard();
                    let Ok(data) = frame.into_data() else { continue };
                    match self.take(data) {
                        Ok(bytes) if bytes.is_empty() => {}
                        taken => return Poll::Ready(Some(taken)),
                    }
                }
                Poll::Ready(Some(Err(cause))) => {
                    let words = format!("{} broke off its answer.", self.title);
                    let error = Error::new(Kind::UpstreamFailed, words).with_source(cause);
                    return Poll::Ready(Some(Err(self.stop(error))));
                }
                Poll::Ready(None) => {
                    let rest = self.rest();
                    self.settle(EntryState::Settled);
                    return Poll::Ready(match rest {
                        Ok(rest) => (!rest.is_empty()).then_some(Ok(rest)),
                        Err(error) => Some(Err(error)),
                    });
                }
                Poll::Pending => {
                    ready!(self.silence.poll(context));
                    let words = format!("{} fell silent.", self.title);
                    let error = Error::new(Kind::UpstreamTimeout, words);
                    return Poll::Ready(Some(Err(self.stop(error))));
                }
            }
        }
    }

    /// Takes a piece of the body; what may go on at once is the answer.
    fn take(&mut self, data: Bytes) -> Result<Bytes, Error> {
        let mut data = data;
        for looking in &mut self.scans {
            let passed = match looking.escaped.continues(&data) {
                true => None,
                false => looking.plain.pass(data).ok(),
            };
            match passed {
                Some(passed) => data = passed,
                None => return Err(self.leaked()),
            }
        }
        if !self.body.is_end_stream() {
            return Ok(data);
        }
        // hyper does not poll the end of an answer whose length it knows.
        let rest = self.rest()?;
        self.settle(EntryState::Settled);
        if rest.is_empty() {
            return Ok(data);
        }
        let mut whole = BytesMut::from(data);
        whole.extend_from_slice(&rest);
        Ok(whole.freeze())
    }

    /// What was kept because it may have been the beginning of a secret, at the end: what one look
    /// gives out, the next ones look at.
    fn rest(&mut self) -> Result<Bytes, Error> {
        let mut whole = Bytes::new();
        for looking in &mut self.scans {
            let mut passed = match looking.plain.pass(std::mem::take(&mut whole)) {
                Ok(passed) => BytesMut::from(passed),
                Err(_) => return Err(self.leaked()),
            };
            passed.extend_from_slice(&looking.plain.rest());
            whole = passed.freeze();
        }
        Ok(whole)
    }

    fn leaked(&mut self) -> Error {
        let error = leaked(&self.title);
        self.stop(error)
    }

    fn stop(&mut self, error: Error) -> Error {
        self.settle(EntryState::Estimated);
        error
    }

    /// One call, which costs no tokens and no money.
    fn settle(&mut self, state: EntryState) {
        let Some(mut held) = self.held.take() else { return };
        held.rates.used(0);
        held.charge.settle(Tally {
            state,
            usage: Usage::default(),
            cost_nano: Some(0),
            charged: Charged::in_unit(Unit::Calls, 1),
            excess: false,
        });
    }
}

impl Drop for PlainFlow {
    fn drop(&mut self) {
        self.settle(EntryState::Settled);
    }
}

/// The answer of `title` holds a secret of ours: the owner has to know, and the caller gets no more
/// of it.
pub(crate) fn leaked(title: &str) -> Error {
    warn!("{title} answered with our own secret for it; the answer was stopped");
    let words = format!("{title}'s answer was stopped because it held a secret of this server.");
    Error::new(Kind::UpstreamFailed, words)
}
