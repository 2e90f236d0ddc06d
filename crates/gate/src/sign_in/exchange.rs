//! The exchange of a code for tokens (RFC 6749, 4.1.3), and what is sent to prove who we are.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tokio::time::timeout;
use tollgate_kernel::{Error, Kind, Secret};
use tollgate_protocol::sign_in::{TokenAnswer, TokenRefusal, Tokens};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::endpoints::Ways;
use super::{Provider, Returned, failed, faulty};
use crate::Gate;
use crate::fetch::{Answer, Ask, Bounds, DocumentUrl, Fault, media_type};

/// The most that is read of an answer of a sign-in provider, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long an answer of a sign-in provider may take, after its turn has come.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How long a request to a sign-in provider waits for its turn.
const TURN: Duration = Duration::from_secs(5);

const BOUNDS: Bounds = Bounds { body_bytes: ANSWER_BYTES, total: ANSWER_TIME };

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

impl Gate {
    pub(super) async fn exchange(
        &self,
        provider: &Provider,
        ways: &Ways,
        redirect_uri: &Url,
        returned: &Returned,
    ) -> Result<Tokens, Error> {
        let answer = self.token_answer(provider, &ways.token, redirect_uri, returned).await?;
        match answer {
            Ok(TokenAnswer::Tokens(tokens)) => Ok(tokens),
            Ok(TokenAnswer::Refused(refusal, code)) => Err(refused(provider, refusal, code)),
            Ok(TokenAnswer::Nonsense(what)) => {
                let odd = "does not answer as it should. Try again shortly.";
                Err(failed(provider, odd).with_source(what))
            }
            Err(fault) => Err(faulty(provider, fault)),
        }
    }

    /// What the token endpoint says to this code. Who calls this has written an audit record.
    pub(super) async fn token_answer(
        &self,
        provider: &Provider,
        token: &DocumentUrl,
        redirect_uri: &Url,
        returned: &Returned,
    ) -> Result<Result<TokenAnswer, Fault>, Error> {
        let secret = match &provider.client_secret {
            Some(secret) => Some(self.client_secret(&provider.id, secret)?),
            None => None,
        };
        let request = Request { provider, redirect_uri, returned, secret: secret.as_ref() };
        let ask = request.to(token.clone())?;
        Ok(self.ask_provider(ask).await.and_then(read))
    }

    /// Asks a provider, within the budget of all of them.
    pub(super) async fn ask_provider(&self, ask: Ask) -> Result<Answer, Fault> {
        let origin = ask.url.url().origin().ascii_serialization();
        let leave = timeout(TURN, self.sign_in.budget.leave(origin));
        let _leave = leave.await.map_err(|_| Fault::Late)??;
        self.sign_in.client.ask(ask, BOUNDS).await
    }
}

struct Request<'a> {
    provider: &'a Provider,
    redirect_uri: &'a Url,
    returned: &'a Returned,
    secret: Option<&'a Secret>,
}

impl Request<'_> {
    fn to(self, url: DocumentUrl) -> Result<Ask, Error> {
        let Self { provider, redirect_uri, returned, secret } = self;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code");
        form.append_pair("code", returned.code.expose());
        form.append_pair("redirect_uri", redirect_uri.as_str());
        form.append_pair("code_verifier", returned.verifier.expose());
        match secret {
            Some(secret) if !provider.secret_in_form => {
                headers.insert(AUTHORIZATION, basic(&provider.client_id, secret)?);
            }
            Some(secret) => {
                form.append_pair("client_id", &provider.client_id);
                form.append_pair("client_secret", secret.expose());
            }
            None => {
                form.append_pair("client_id", &provider.client_id);
            }
        }
        let body = Bytes::from(form.finish());
        Ok(Ask { method: Method::POST, url, headers, body })
    }
}

/// Id and secret as HTTP Basic, each form-encoded before (RFC 6749, 2.3.1).
pub(crate) fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, Error> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a token endpoint says.
///
/// A redirect would carry code, proof key and secret to wherever it leads.
pub(crate) fn read(answer: Answer) -> Result<TokenAnswer, Fault> {
    let Answer { status, headers, body } = answer;
    if status.is_redirection() {
        return Err(Fault::Redirected);
    }
    // Some send forms, and call them text.
    let is_form = matches!(
        media_type(&headers).as_deref(),
        Some("application/x-www-form-urlencoded" | "text/plain")
    ) && !body.trim_ascii_start().starts_with(b"{");
    match TokenAnswer::read(is_form, &body) {
        TokenAnswer::Tokens(tokens) if status == StatusCode::OK => Ok(TokenAnswer::Tokens(tokens)),
        refused @ TokenAnswer::Refused(..) if !status.is_server_error() => Ok(refused),
        nonsense @ TokenAnswer::Nonsense(_) if status == StatusCode::OK => Ok(nonsense),
        _ if status == StatusCode::UNAUTHORIZED => {
            Ok(TokenAnswer::Refused(TokenRefusal::Client, "401".to_owned()))
        }
        _ => Err(Fault::Status(status.as_u16())),
    }
}

fn refused(provider: &Provider, refusal: TokenRefusal, code: String) -> Error {
    let (kind, what) = match refusal {
        TokenRefusal::Client => (
            Kind::UpstreamRefused,
            "refuses our client id or secret. The owner has to correct them.",
        ),
        TokenRefusal::RedirectUri => (
            Kind::UpstreamRefused,
            "does not know our redirect URI. The owner has to register it there.",
        ),
        TokenRefusal::Grant => {
            (Kind::UpstreamFailed, "does not accept this sign-in any more. Start again.")
        }
        TokenRefusal::Other => (Kind::UpstreamFailed, "refuses this sign-in. Start again."),
    };
    let what = format!("The sign-in provider {} {what}", provider.id);
    Error::new(kind, what).with_source(format!("the token endpoint says {code:?}"))
}
