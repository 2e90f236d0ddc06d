//! Sending a plain call: one attempt, since nobody knows what a second would do.

use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tollgate_kernel::{Error, Kind};

use crate::forward::{Forwarder, is_encoded};
use crate::hold::Hold;
use crate::identity::introduce;
use crate::metered::Metered;
use crate::permit::{Decided, Plain, PlainTo};
use crate::plain::answer_headers;
use crate::plain_flow::PlainFlow;
use crate::pool::UpstreamBody;
use crate::scan::SecretScan;
use crate::target::Target;

/// What an API answers is no page: under a path of ours a script in it would be one of ours.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

impl Forwarder<'_> {
    /// Sends the plain call that `hold` was made for.
    pub(crate) async fn forward_plain(
        &self,
        hold: Hold,
        plain: &Plain,
    ) -> Result<Response<Metered>, Error> {
        let answer = self.send_plain(hold, plain).await;
        if let Err(error) = &answer {
            self.failures.count(error.kind());
        }
        answer
    }

    async fn send_plain(&self, hold: Hold, plain: &Plain) -> Result<Response<Metered>, Error> {
        let mut hold = hold;
        let target = plain.to.target();
        let added = self.introduced(plain, &hold.decided)?;
        let request = target.request(&plain.request, added)?;
        if !hold.held.charge.open(None) {
            hold.held.charge.durable().await?;
        }
        // From here on the call is charged, by whatever way it is lost.
        hold.held.charge.sent();
        let sending = self.transport.send(request);
        let answer = match tokio::time::timeout(target.patience.first_byte, sending).await {
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
        if let Some(error) = refusal(target, answer.status()) {
            hold.held.charge.fail_attempt();
            return Err(error);
        }
        // A secret of ours would not be found in there.
        if is_encoded(answer.headers()) && !target.needles.is_empty() {
            let words = format!("{} answered in a form that was not asked for.", target.title);
            return Err(Error::new(Kind::UpstreamFailed, words));
        }
        hold.held.charge.durable().await?;
        Ok(self.plain_answer(answer, hold, plain))
    }

    /// What we add to say who calls.
    fn introduced(&self, plain: &Plain, decided: &Decided) -> Result<HeaderMap, Error> {
        match &plain.to {
            PlainTo::Tool(tool) => {
                let known = &decided.principal.known;
                introduce(self.tokens, tool, known, (plain.request.id, decided.at))
            }
        }
    }

    fn plain_answer(
        &self,
        answer: Response<UpstreamBody>,
        hold: Hold,
        plain: &Plain,
    ) -> Response<Metered> {
        let target = plain.to.target();
        let (parts, body) = answer.into_parts();
        let scans: Vec<_> = target.needles.iter().map(|it| SecretScan::new(Some(it))).collect();
        let is_ours = |value: &[u8]| scans.iter().any(|scan| scan.is_in(value));
        let private = !hold.decided.principal.is_anonymous();
        let mut headers = answer_headers(&parts.headers, is_ours, private);
        headers.insert(CONTENT_SECURITY_POLICY, NO_PAGE);
        if let Some(place) = self.location(&parts.headers, plain) {
            headers.insert(http::header::LOCATION, place);
        }
        let flow = PlainFlow::new(body, hold, target);
        let mut response = Response::new(Metered::plain(flow));
        *response.status_mut() = parts.status;
        *response.headers_mut() = headers;
        response
    }

    /// Where something was made, as callers may ask for it.
    fn location(&self, headers: &HeaderMap, plain: &Plain) -> Option<HeaderValue> {
        let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
        let PlainTo::Tool(tool) = &plain.to;
        let place = tool.target.shown_place(location, tool.address())?;
        HeaderValue::try_from(place).ok()
    }
}

/// Answers that are no answers to the caller: they lead elsewhere, or are between the upstream and
/// us.
fn refusal(target: &Target, status: StatusCode) -> Option<Error> {
    let title = &target.title;
    let source = format!("{title} answered {status}");
    match status {
        StatusCode::NOT_MODIFIED => None,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            tracing::warn!("{title} does not take what we say who we are with; the owner mends it");
            // Passed on, it would send callers to renew what is good.
            let words = format!("{title} refused this server's own credential.");
            Some(Error::new(Kind::UpstreamRefused, words).with_source(source))
        }
        _ if status.is_redirection() => {
            let words = format!("{title} answered with a redirect, which is not followed.");
            Some(Error::new(Kind::UpstreamFailed, words).with_source(source))
        }
        _ if status.is_informational() => {
            let words = format!("{title} answered with something that is no answer.");
            Some(Error::new(Kind::UpstreamFailed, words).with_source(source))
        }
        _ => None,
    }
}
