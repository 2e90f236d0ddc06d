//! Sending a plain call: one attempt, since nobody knows what a second would do.

use http::header::{ACCEPT_RANGES, CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tollgate_kernel::{Error, Kind};

use crate::call::PlainRequest;
use crate::ends::{Ends, gone};
use crate::forward::{Forwarder, is_encoded};
use crate::hold::Hold;
use crate::identity::introduce;
use crate::metered::Metered;
use crate::permit::{ConnectedTo, Plain, PlainTo};
use crate::plain::answer_headers;
use crate::plain_flow::PlainFlow;
use crate::pool::UpstreamBody;
use crate::scan::SecretScan;
use crate::target::Target;
use crate::tool::Tool;
use crate::transport::Sending;

/// What an API answers is no page: under a path of ours a script in it would be one of ours.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

impl Forwarder<'_> {
    /// Sends the plain call that `hold` was made for.
    pub(crate) async fn forward_plain(
        &self,
        hold: Hold,
        plain: &Plain,
    ) -> Result<Response<Metered>, Error> {
        let answer = match &plain.to {
            PlainTo::Tool(tool) => self.send_to_tool(hold, &plain.request, tool).await,
            PlainTo::Connection(to) => self.send_connected(hold, &plain.request, to).await,
        };
        if let Err(error) = &answer {
            self.failures.count(error.kind());
        }
        answer
    }

    async fn send_to_tool(
        &self,
        mut hold: Hold,
        request: &PlainRequest,
        tool: &Tool,
    ) -> Result<Response<Metered>, Error> {
        let target = &tool.target;
        if !hold.held.charge.open(None) {
            hold.held.charge.durable().await?;
        }
        // It was changed since this was decided: nothing goes where it was.
        if tool.live.has_ended() {
            return Err(gone());
        }
        let (known, at) = (&hold.decided.principal.known, hold.decided.at);
        let added = introduce(self.tokens, tool, known, (request.id, at))?;
        let outgoing = target.request(request, added)?;
        let answer = head(&mut hold, target, || self.transport.send(outgoing)).await?;
        if let Some(error) = refused(target, answer.status()) {
            hold.held.charge.fail_attempt();
            return Err(error);
        }
        plain_answer(answer, hold, target, tool.address()).await
    }
}

impl Forwarder<'_> {
    async fn send_connected(
        &self,
        mut hold: Hold,
        request: &PlainRequest,
        to: &ConnectedTo,
    ) -> Result<Response<Metered>, Error> {
        let gate = self.gate;
        hold.held.charge.open(None);
        // No audit record, no secret.
        hold.held.charge.durable().await?;
        let principal = hold.decided.principal.clone();
        let renewed = gate.renewed(&principal, &to.now, to.refused.as_deref()).await;
        let is_second = to.refused.is_some();
        let to = renewed.inspect_err(|_| hold.held.charge.fail_attempt())?;
        // It was ended since this was decided: nothing of it goes out.
        if to.live.has_ended() {
            return Err(gone());
        }
        let target = gate.target(&to)?;
        let outgoing = target.request(request, HeaderMap::new())?;
        let answer = head(&mut hold, &target, || gate.send_guarded(&to, outgoing)).await?;
        let error = match answer.status() {
            StatusCode::UNAUTHORIZED if to.is_the_persons() => {
                Some(gate.not_taken(&principal, &to, is_second).await)
            }
            status => refused(&target, status),
        };
        if let Some(error) = error {
            hold.held.charge.fail_attempt();
            return Err(error);
        }
        if answer.status().is_success() {
            gate.taken(&principal, &to).await;
        }
        plain_answer(answer, hold, &target, &gate.address_of(&to)).await
    }
}

/// The head of what `target` answers to what `send` sends. From then on the call is charged, by
/// whatever way it is lost; unless nobody was there to hear it. Whoever ends the credential or what
/// it goes to ends the wait too.
pub(crate) async fn head(
    hold: &mut Hold,
    target: &Target,
    send: impl FnOnce() -> Sending,
) -> Result<Response<UpstreamBody>, Error> {
    hold.held.charge.sent();
    let mut ends = Ends::of(&hold.decided);
    let answer = tokio::select! {
        biased;
        answer = tokio::time::timeout(target.patience.first_byte, send()) => answer,
        error = ends.come() => return Err(error),
    };
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            if !error.connected {
                hold.held.charge.fail_attempt();
            }
            return Err(error.told_of(&target.title));
        }
        Err(_) => {
            let words = format!("{} did not answer in time.", target.title);
            return Err(Error::new(Kind::UpstreamTimeout, words));
        }
    };
    // What was asked for may be done, wherever it says to look: it is charged like every answer.
    match led_away(target, answer.status()) {
        Some(error) => Err(error),
        None => Ok(answer),
    }
}

/// The answer as the caller gets it, once the call is durable: no byte before that. Places at
/// `target` are places below `address` to them.
pub(crate) async fn plain_answer(
    answer: Response<UpstreamBody>,
    hold: Hold,
    target: &Target,
    address: &str,
) -> Result<Response<Metered>, Error> {
    // A secret of ours would not be found in there.
    if is_encoded(answer.headers()) && !target.needles.is_empty() {
        let words = format!("{} answered in a form that was not asked for.", target.title);
        return Err(Error::new(Kind::UpstreamFailed, words));
    }
    hold.held.charge.durable().await?;
    let (parts, body) = answer.into_parts();
    let scans: Vec<_> = target.needles.iter().map(|it| SecretScan::new(Some(it))).collect();
    let is_ours = |value: &[u8]| scans.iter().any(|scan| scan.is_in(value));
    let private = !hold.decided.principal.is_anonymous();
    let mut headers = answer_headers(&parts.headers, is_ours, private);
    headers.insert(CONTENT_SECURITY_POLICY, NO_PAGE);
    if !target.needles.is_empty() {
        // Parts are not asked for there.
        headers.remove(ACCEPT_RANGES);
    }
    let place = location(&parts.headers, target, address);
    if let Some(place) = place.filter(|place| !is_ours(place.as_bytes())) {
        headers.insert(LOCATION, place);
    }
    let ends = Ends::of(&hold.decided);
    let flow = PlainFlow::new(body, hold, target);
    let mut response = Response::new(Metered::plain(flow, ends));
    *response.status_mut() = parts.status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Where something was made, as callers may ask for it.
fn location(headers: &HeaderMap, target: &Target, address: &str) -> Option<HeaderValue> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    HeaderValue::try_from(target.shown_place(location, address)?).ok()
}

/// What is between a tool and us alone. Passed on, it would send callers to renew what is good.
fn refused(target: &Target, status: StatusCode) -> Option<Error> {
    let of_ours = [StatusCode::UNAUTHORIZED, StatusCode::PROXY_AUTHENTICATION_REQUIRED];
    of_ours.contains(&status).then(|| {
        let title = &target.title;
        tracing::warn!("{title} does not take what we say who we are with; the owner mends it");
        let words = format!("{title} refused this server's own credential.");
        Error::new(Kind::UpstreamRefused, words).with_source(format!("{title} answered {status}"))
    })
}

/// Answers that lead elsewhere, or are none.
fn led_away(target: &Target, status: StatusCode) -> Option<Error> {
    let title = &target.title;
    let what = match status {
        StatusCode::NOT_MODIFIED => return None,
        _ if status.is_redirection() => "answered with a redirect, which is not followed",
        _ if status.is_informational() => "answered with something that is no answer",
        _ => return None,
    };
    let source = format!("{title} answered {status}");
    Some(Error::new(Kind::UpstreamFailed, format!("{title} {what}.")).with_source(source))
}
