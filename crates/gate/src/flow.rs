//! An answer that flows: read as it passes, filtered, watched for our secrets, and settled at its
//! end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use hyper::body::{Body, SizeHint};
use serde::de::IgnoredAny;
use tollgate_kernel::{Charged, EntryState, Error, Kind, Price, Slug, Tally, Timestamp, Usage};
use tollgate_protocol::openai::{Pass, Route, StreamMeter, usage_of_json};
use tollgate_protocol::sse::SseSplitter;
use tracing::{error, warn};

use crate::Live;
use crate::forward::{is_encoded, is_event_stream};
use crate::hold::{Held, Hold};
use crate::permit::{Candidate, Choice};
use crate::pool::UpstreamBody;
use crate::scan::{EscapedScan, SecretScan};
use crate::silence::Silence;
use crate::trouble::TroubleKind;
use crate::upstream::Upstream;

/// The most of a whole JSON answer that is kept to read its usage.
const KEPT: usize = 32 * 1024 * 1024;

/// A stream may hold more than its ceiling in frames by this much: empty ones, keep-alives.
const FRAME_SLACK: u64 = 64;

/// No token is longer than this many bytes in any tokeniser in use.
const LONGEST_TOKEN: u64 = 128;

/// How an answer is metered, at the price of the target that gives it.
pub(crate) struct MeterPlan {
    pub(crate) route: Route,
    pub(crate) upstream: Slug,
    target: Arc<Upstream>,
    price: Option<Arc<Price>>,
    priced: bool,
    streams: bool,
    usage_asked: bool,
    reasons: bool,
    input_bound: u64,
    output_bound: u64,
    /// When the call was decided.
    at: Timestamp,
}

impl MeterPlan {
    pub(crate) fn of(choice: &Choice, candidate: &Candidate, at: Timestamp) -> Self {
        let request = &choice.call.request;
        let output_bound = choice.ceiling.unwrap_or(0).saturating_mul(request.choices());
        Self {
            route: request.route(),
            upstream: candidate.upstream.id().clone(),
            target: candidate.upstream.clone(),
            price: candidate.price.clone(),
            priced: candidate.price.is_some(),
            streams: request.stream(),
            usage_asked: request.usage_asked(),
            reasons: request.reasons(),
            input_bound: choice.input_bound,
            output_bound,
            at,
        }
    }

    /// The answer holds our own key: the owner has to know, and the caller gets no more of it.
    fn leaked(&self) -> Error {
        warn!(upstream = %self.upstream, "the upstream's answer held our own key");
        self.target.troubles.met(TroubleKind::SecretLeaked, self.at);
        crate::scan::leak()
    }

    /// Settles a call by the usage that its upstream told.
    fn settle(&self, mut held: Held, usage: Usage) {
        held.rates.used(usage.total());
        let cost = self.price.as_ref().map(|price| price.cost(&usage));
        let tally = self.tally(&held, EntryState::Settled, usage, cost);
        held.charge.settle(tally);
    }

    /// Settles a call that was answered with an error, by the usage that its body tells. Without
    /// one nothing was used, and the hold that comes back serves for another target.
    pub(crate) fn refused(&self, mut hold: Hold, body: &[u8]) -> Option<Hold> {
        if let Some(usage) = usage_of_json(self.route, body) {
            self.settle(hold.held, usage);
            return None;
        }
        hold.held.charge.fail_attempt();
        Some(hold)
    }

    /// Settles a call of which no usage is known: its input bound, and the `streamed` bytes of
    /// output. Where the request spoke of reasoning, what was not seen may be all of the hold.
    pub(crate) fn give_up(&self, mut held: Held, streamed: u64) {
        if self.reasons {
            return self.give_up_whole(held);
        }
        let output_tokens = streamed.min(self.output_bound);
        let usage = Usage { input_tokens: self.input_bound, output_tokens, ..Usage::default() };
        let worst = |price: &Arc<Price>| price.worst_case(self.input_bound, output_tokens);
        let cost = self.price.as_ref().map(worst);
        let tally = self.tally(&held, EntryState::Estimated, usage, cost);
        held.rates.used(usage.total());
        held.charge.settle(tally);
    }

    /// Settles a call whose reasoning was hidden at its whole hold.
    fn give_up_whole(&self, mut held: Held) {
        let tally = held.charge.whole_hold();
        held.rates.used(u64::try_from(tally.charged.tokens).unwrap_or(0));
        held.charge.settle(tally);
    }

    fn tally(&self, held: &Held, state: EntryState, usage: Usage, cost: Option<i64>) -> Tally {
        let held = held.charge.hold();
        let tokens = i64::try_from(usage.total()).unwrap_or(i64::MAX);
        let full = Charged { money: cost.unwrap_or(0), tokens, calls: 1 };
        let charged = full.capped_by(&held);
        let excess = tokens > held.tokens || (self.priced && full.money > held.money);
        if excess {
            error!(
                upstream = %self.upstream, tokens, held = held.tokens,
                "the upstream reported more than was held"
            );
        }
        Tally { state, usage, cost_nano: cost, charged, excess }
    }
}

/// An answer in flow. It settles when it ends; dropped before, its hold is charged in full, so
/// whoever drops it gives it to the drainer first.
pub(crate) struct Flow {
    body: UpstreamBody,
    held: Option<Held>,
    live: Arc<Live>,
    plan: MeterPlan,
    reading: Reading,
    scan: SecretScan,
    silence: Silence,
    over: bool,
}

/// How the body is read.
enum Reading {
    /// One JSON text: kept to read its usage at the end.
    Json { kept: Kept, len: usize, escaped: EscapedScan },
    /// Server-sent events.
    Events { splitter: SseSplitter, meter: StreamMeter, ready: VecDeque<Bytes> },
}

/// An answer that is kept. Mostly it comes in one piece and is not copied.
#[derive(Default)]
struct Kept {
    first: Bytes,
    more: BytesMut,
}

impl Kept {
    fn add(&mut self, piece: &Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece.clone();
            return;
        }
        self.more.extend_from_slice(&std::mem::take(&mut self.first));
        self.more.extend_from_slice(piece);
    }

    fn whole(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

impl Flow {
    /// A good answer's body. Boxed, because it is handed on from step to step.
    pub(crate) fn new(body: UpstreamBody, hold: Hold, plan: MeterPlan) -> Box<Self> {
        let reading = if plan.streams {
            let meter = StreamMeter::new(plan.route, plan.usage_asked, plan.reasons);
            Reading::Events { splitter: SseSplitter::new(), meter, ready: VecDeque::new() }
        } else {
            let escaped = EscapedScan::new(plan.target.needle());
            Reading::Json { kept: Kept::default(), len: 0, escaped }
        };
        let scan = SecretScan::new(plan.target.needle());
        let silence = Silence::new(plan.target.patience().silence);
        let live = hold.decided.principal.live().clone();
        let held = Some(hold.held);
        Box::new(Self { body, held, live, plan, reading, scan, silence, over: false })
    }

    /// The body of an answer that nobody waits for.
    pub(crate) fn of_answer(
        response: Response<UpstreamBody>,
        hold: Hold,
        plan: MeterPlan,
    ) -> Box<Self> {
        Self::new(response.into_body(), hold, plan)
    }

    /// Looks for our key.
    pub(crate) fn scan(&self) -> &SecretScan {
        &self.scan
    }

    /// Whether the answer's head fits to what was asked for; if not it is settled.
    pub(crate) fn check(&mut self, headers: &HeaderMap) -> Result<(), Error> {
        let fits = !is_encoded(headers) && (!self.plan.streams || is_event_stream(headers));
        if fits {
            return Ok(());
        }
        let id = self.plan.upstream.clone();
        self.give_up();
        let words = format!("The model provider {id} answered in a form that was not asked for.");
        Err(Error::new(Kind::UpstreamFailed, words))
    }

    /// Whether events are read.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.reading, Reading::Events { .. })
    }

    /// The principal's life, for a stream that must end with it.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.clone()
    }

    /// How many frames of output have passed, as a lower bound of the tokens that were written.
    pub(crate) fn frames(&self) -> u64 {
        match &self.reading {
            Reading::Events { meter, .. } => meter.text_frames(),
            Reading::Json { .. } => 0,
        }
    }

    /// Whether it is settled.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The size of what is still to come, where it is known.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match (&self.reading, self.body.size_hint().exact()) {
            (Reading::Json { .. }, Some(left)) => SizeHint::with_exact(left + self.scan.kept()),
            _ => SizeHint::default(),
        }
    }

    /// The next piece for the caller; `None` at the end, an error where the upstream broke off.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if let Reading::Events { ready, .. } = &mut self.reading
                && let Some(bytes) = ready.pop_front()
            {
                return Poll::Ready(Some(Ok(bytes)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.heard();
                    let Ok(data) = frame.into_data() else { continue };
                    match self.take(data) {
                        Ok(Some(bytes)) if bytes.is_empty() => {}
                        Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Some(Err(self.stop(error)))),
                    }
                }
                Poll::Ready(Some(Err(cause))) => {
                    let error = self.broken("broke off its answer").with_source(cause);
                    return Poll::Ready(Some(Err(self.stop(error))));
                }
                Poll::Ready(None) => return Poll::Ready(self.end()),
                Poll::Pending => {
                    ready!(self.silence.poll(context));
                    let error = Error::new(
                        Kind::UpstreamTimeout,
                        format!("The model provider {} fell silent.", self.plan.upstream),
                    );
                    return Poll::Ready(Some(Err(self.stop(error))));
                }
            }
        }
    }

    /// Takes a piece of the body; what may go on at once is the answer.
    fn take(&mut self, data: Bytes) -> Result<Option<Bytes>, Error> {
        match &mut self.reading {
            Reading::Json { kept, len, escaped } => {
                if escaped.continues(&data) {
                    return Err(self.plan.leaked());
                }
                if *len < KEPT {
                    kept.add(&data);
                }
                *len += data.len();
                let out = self.scan.pass(data).map_err(|_| self.plan.leaked())?;
                if !self.body.is_end_stream() {
                    return Ok(Some(out));
                }
                // hyper does not poll the end of an answer whose length it knows.
                self.settle_json()?;
                let rest = self.scan.rest();
                if rest.is_empty() {
                    return Ok(Some(out));
                }
                let mut whole = BytesMut::from(out);
                whole.extend_from_slice(&rest);
                Ok(Some(whole.freeze()))
            }
            Reading::Events { .. } => self.take_events(&data).map(|()| None),
        }
    }

    fn take_events(&mut self, data: &Bytes) -> Result<(), Error> {
        let Reading::Events { splitter, meter, ready } = &mut self.reading else {
            return Ok(());
        };
        splitter.push(data);
        let frames = meter.text_frames();
        let mut ended = false;
        loop {
            let event = splitter.next_event().map_err(|_| {
                Error::new(Kind::UpstreamFailed, "The model provider sent an event without end.")
            })?;
            let Some(event) = event else { break };
            if self.scan.is_in_json(event.bytes()) {
                return Err(self.plan.leaked());
            }
            let pass = meter.event(&event);
            if self.scan.continues(meter.said()) {
                return Err(self.plan.leaked());
            }
            ended |= meter.ended_cleanly();
            if let Pass::Forward = pass {
                ready.push_back(event.into_bytes());
            }
        }
        let most = self.plan.output_bound;
        let over = meter.text_frames() > most.saturating_add(FRAME_SLACK)
            || meter.text_bytes() > most.saturating_mul(LONGEST_TOKEN).saturating_add(4_096);
        // Where the usage came last, the answer is as good as over. Where it comes with each piece,
        // it says nothing of an end.
        let grows = meter.text_frames() > frames && !ended;
        if over && (meter.usage().is_none() || grows) {
            ready.clear();
            return Err(Error::new(
                Kind::UpstreamFailed,
                format!("The answer was stopped: it went beyond its ceiling of {most} tokens."),
            ));
        }
        if ended {
            self.settle_stream();
        }
        Ok(())
    }

    /// The body has ended.
    fn end(&mut self) -> Option<Result<Bytes, Error>> {
        match &mut self.reading {
            Reading::Json { .. } => {
                if self.over {
                    return None;
                }
                if let Err(error) = self.settle_json() {
                    return Some(Err(error));
                }
                let rest = self.scan.rest();
                (!rest.is_empty()).then_some(Ok(rest))
            }
            Reading::Events { .. } => {
                if self.over {
                    return None;
                }
                let error = self.broken("ended its stream too early");
                Some(Err(self.stop(error)))
            }
        }
    }

    /// Settles a whole answer. An error where it is no JSON: nobody may take it for an answer.
    fn settle_json(&mut self) -> Result<(), Error> {
        self.over = true;
        let (Reading::Json { kept, len, .. }, Some(held)) = (&mut self.reading, self.held.take())
        else {
            return Ok(());
        };
        let streamed = u64::try_from(*len).unwrap_or(u64::MAX);
        let whole = (*len <= KEPT).then(|| std::mem::take(kept).whole());
        let usage = whole.as_ref().and_then(|whole| usage_of_json(self.plan.route, whole));
        match usage {
            Some(usage) => self.plan.settle(held, usage),
            None => self.plan.give_up(held, streamed),
        }
        let is_json = |whole: &Bytes| serde_json::from_slice::<IgnoredAny>(whole).is_ok();
        if usage.is_some() || whole.as_ref().is_none_or(is_json) {
            return Ok(());
        }
        Err(self.broken("answered with something that is not JSON"))
    }

    fn settle_stream(&mut self) {
        let Reading::Events { meter, .. } = &self.reading else { return };
        let usage = meter.usage();
        self.over = true;
        match usage {
            Some(usage) => {
                if let Some(held) = self.held.take() {
                    self.plan.settle(held, usage);
                }
            }
            None => self.give_up(),
        }
    }

    /// Ends the accounting with what is known: the usage if it came, else a bound.
    pub(crate) fn give_up(&mut self) {
        self.over = true;
        let Some(held) = self.held.take() else { return };
        match &self.reading {
            Reading::Events { meter, .. } => match meter.usage() {
                Some(usage) if meter.ended_cleanly() || meter.failed() => {
                    self.plan.settle(held, usage);
                }
                _ if meter.reasoning_hidden() => self.plan.give_up_whole(held),
                _ => self.plan.give_up(held, meter.text_bytes()),
            },
            Reading::Json { .. } => self.plan.give_up(held, u64::MAX),
        }
    }

    fn stop(&mut self, error: Error) -> Error {
        self.give_up();
        error
    }

    fn broken(&self, how: &str) -> Error {
        Error::new(
            Kind::UpstreamFailed,
            format!("The model provider {} {how}.", self.plan.upstream),
        )
    }
}
