//! Forwarding: the bytes that were authorised go to a candidate, and its answer comes back metered.

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, Response};
use tollgate_kernel::{Error, Kind, Timestamp};
use tollgate_protocol::openai::{Ceiling, Splice, UpstreamFault, classify, retry_after};
use tollgate_vault::{Purpose, Vault};
use tracing::warn;

use crate::Gate;
use crate::drain::Drain;
use crate::figures::UpstreamFailures;
use crate::flight::{Flight, Refusal};
use crate::flow::MeterPlan;
use crate::hold::Hold;
use crate::metered::Metered;
use crate::permit::{Candidate, Choice, Decided, What};
use crate::scan::{SecretScan, leak};
use crate::tokens::Tokens;
use crate::transport::{Transport, UpstreamRequest};
use crate::trouble::TroubleKind;

/// The longest wait that we pass on from an upstream's rate limit.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Headers of an answer that reach the caller under their own names.
const PASSED: [HeaderName; 3] = [
    CONTENT_TYPE,
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
];

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// A call that got no answer to pass on.
pub(crate) struct Failed {
    /// What went wrong.
    pub(crate) error: Error,
    /// The hold, where nothing was used: it serves for another candidate, unchanged.
    pub(crate) unspent: Option<Box<Hold>>,
}

/// What forwarding needs of the gate.
pub(crate) struct Forwarder<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) vault: &'a Vault,
    pub(crate) drain: &'a Drain,
    pub(crate) failures: &'a UpstreamFailures,
    pub(crate) tokens: &'a Tokens,
    /// Opens what goes with a call through a connection.
    pub(crate) gate: &'a Gate,
}

impl Forwarder<'_> {
    /// Sends the call that `hold` was made for to one candidate after the other, as long as nothing
    /// was used.
    pub(crate) async fn forward(&self, hold: Hold) -> Result<Response<Metered>, Error> {
        let decided = hold.decided.clone();
        let choice = match &decided.what {
            What::Model(choice) => choice,
            What::Plain(plain) => return Box::pin(self.forward_plain(hold, plain)).await,
        };
        let left_out = hold.left_out.clone();
        let mut hold = Some(hold);
        let mut last = None;
        for (_, candidate) in choice.candidates_but(&left_out) {
            let Some(unspent) = hold.take() else { break };
            match self.send(unspent, choice, candidate).await {
                Ok(answer) => return Ok(answer),
                Err(Failed { error, unspent }) => {
                    self.failures.count(error.kind());
                    last = Some(error);
                    hold = unspent.map(|unspent| *unspent);
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::internal("a hold that serves for nobody")))
    }

    async fn send(
        &self,
        mut hold: Hold,
        choice: &Choice,
        candidate: &Candidate,
    ) -> Result<Response<Metered>, Failed> {
        let decided = &hold.decided;
        let request = match self.request(decided, choice, candidate) {
            Ok(request) => request,
            Err(error) => return Err(Failed { error, unspent: Some(Box::new(hold)) }),
        };
        if choice.candidates.len() > 1 {
            let policy = &decided.policy;
            hold.held.charge.aim(|account| candidate.is_charged_to(account, policy));
        }
        let at = decided.at;
        let may_overlap = hold.held.charge.open(Some(candidate.upstream.id()));
        if !may_overlap && let Err(error) = hold.held.charge.durable().await {
            return Err(Failed { error, unspent: None });
        }
        let plan = MeterPlan::of(choice, candidate, at);
        let send = self.transport.send(request);
        let flight = Flight::start(send, hold, plan, self.drain.clone());
        let answer = flight.answer(candidate.upstream.patience()).await?;
        match answer.status() {
            status if status.is_success() => {
                candidate.upstream.troubles.over();
                self.metered(answer).await
            }
            _ => Box::pin(failed(answer, candidate)).await,
        }
    }

    fn request(
        &self,
        decided: &Decided,
        choice: &Choice,
        candidate: &Candidate,
    ) -> Result<UpstreamRequest, Error> {
        let call = &choice.call;
        let known = &decided.principal.known;
        let safety = known.safety.get_or_init(|| {
            let who = known.subject.to_string();
            hex(self.vault.mac(Purpose::SafetyIdentifier, who.as_bytes()).as_bytes())
        });
        // One app cannot look into the cache of another: its bucket is named after both.
        let bucket = call.request.prompt_cache_key().map(|key| {
            let app = decided.principal.known.client.app();
            let app = app.map_or_else(String::new, |app| app.to_string());
            let named = format!("{}:{app}{key}", app.len());
            hex(self.vault.mac(Purpose::PromptCache, named.as_bytes()).as_bytes())
        });
        let model = (candidate.model != call.request.model()).then_some(candidate.model.as_str());
        let by_max_tokens = candidate.upstream.reads_max_tokens(&candidate.model);
        let ceiling = |tokens| Ceiling { tokens, by_max_tokens };
        let body = call.request.splice(&Splice {
            model,
            safety_identifier: safety,
            prompt_cache_key: bucket.as_deref(),
            output_ceiling: choice.ceiling.map(ceiling),
            include_usage: true,
            store_false: true,
        });
        let path = call.request.route().path();
        candidate.upstream.request(Method::POST, path, &call.headers, body)
    }

    /// Turns a good answer into a metered one, when the call is durable: no byte before that.
    async fn metered(&self, flight: Flight) -> Result<Response<Metered>, Failed> {
        let (parts, mut flow) = flight.durable().await?;
        // With room for what the edge adds.
        let mut headers = HeaderMap::with_capacity(24);
        for name in PASSED {
            pass(&parts.headers, &name, &name, flow.scan(), &mut headers);
        }
        pass(&parts.headers, &REQUEST_ID, &UPSTREAM_REQUEST_ID, flow.scan(), &mut headers);
        flow.check(&parts.headers).map_err(|error| Failed { error, unspent: None })?;
        // Dropped while it waits, the body is read on by the drainer.
        let mut body = Metered::new(flow, self.drain.clone());
        body.prime().await.map_err(|error| Failed { error, unspent: None })?;
        let mut response = Response::new(body);
        *response.status_mut() = parts.status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn pass(
    from: &HeaderMap,
    name: &HeaderName,
    shown_as: &HeaderName,
    scan: &SecretScan,
    to: &mut HeaderMap,
) {
    if let Some(value) = from.get(name)
        && !scan.is_in(value.as_bytes())
    {
        to.insert(shown_as.clone(), value.clone());
    }
}

/// An answer that is an error: nothing was used, unless it says so.
async fn failed(flight: Flight, candidate: &Candidate) -> Result<Response<Metered>, Failed> {
    let (Refusal { parts, heard, .. }, hold, plan) = flight.refused().await?;
    let body = Bytes::from(heard);
    let at = hold.decided.at;
    let Some(hold) = plan.refused(hold, &body) else {
        let error = translate(&parts, &body, candidate, (at, "The call was charged."));
        return Err(Failed { error, unspent: None });
    };
    if classify(parts.status.as_u16(), &body) != UpstreamFault::Caller {
        return Err(Failed {
            error: translate(&parts, &body, candidate, (at, "The call was not charged.")),
            unspent: Some(Box::new(hold)),
        });
    }
    let scan = SecretScan::new(candidate.upstream.needle());
    if scan.is_in_json(&body) {
        warn!(upstream = %candidate.upstream.id(), "the upstream's error held our own key");
        candidate.upstream.troubles.met(TroubleKind::SecretLeaked, at);
        return Err(Failed { error: leak(), unspent: Some(Box::new(hold)) });
    }
    // What the caller did wrong is said in the upstream's own words.
    let mut response = Response::new(Metered::whole(body));
    *response.status_mut() = parts.status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// What went wrong between us and the upstream, for the caller: `at` the time of the call, and
/// whether it was `charged`, in words.
fn translate(
    parts: &http::response::Parts,
    body: &[u8],
    candidate: &Candidate,
    (at, charged): (Timestamp, &str),
) -> Error {
    let id = candidate.upstream.id();
    let status = parts.status;
    let source = format!("{id} answered {status}");
    match classify(status.as_u16(), body) {
        UpstreamFault::Ours => {
            warn!(upstream = %id, %status, "the upstream refuses our key; the owner mends it");
            candidate.upstream.troubles.met(TroubleKind::KeyRefused, at);
            let words = format!(
                "The model provider {id} refused this server's own credential. The owner has been \
                 told."
            );
            Error::new(Kind::UpstreamRefused, words).with_source(source)
        }
        UpstreamFault::Quota => {
            warn!(upstream = %id, "our account at the upstream has run dry");
            candidate.upstream.troubles.met(TroubleKind::QuotaSpent, at);
            let words = format!("This server's account at the model provider {id} has run dry.");
            Error::new(Kind::UpstreamQuota, words).with_source(source)
        }
        UpstreamFault::RateLimited => {
            let header = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
            let wait = retry_after(header("retry-after-ms"), header(RETRY_AFTER.as_str()));
            let wait = wait.unwrap_or(std::time::Duration::from_secs(1)).min(LONGEST_WAIT);
            let words = format!("The model provider {id} is busy. Try again shortly.");
            Error::new(Kind::UpstreamBusy, words).with_retry_after(wait).with_source(source)
        }
        UpstreamFault::Theirs | UpstreamFault::Redirect | UpstreamFault::Caller => {
            let words = format!("The model provider {id} failed. {charged}");
            Error::new(Kind::UpstreamFailed, words).with_source(source)
        }
    }
}

/// Whether an answer's head says that its body cannot be read by us.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// Whether an answer's head says that events follow.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
