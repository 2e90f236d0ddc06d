//! Tokens for a code, and new tokens for a refresh token.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;
use tollgate_kernel::{ConnectionState, Error, Kind, PlainToken, Secret};
use tollgate_protocol::plugin_host::{Auth, BodyForm, TokenRequest};
use tollgate_protocol::sign_in::{TokenAnswer, TokenRefusal, Tokens};
use tollgate_store::{AuditEvent, ConnectionRecord};

use super::secrets::{ACCESS, REFRESH};
use super::{Install, failed, moved};
use crate::fetch::{Ask, Bounds, DocumentUrl, Fault};
use crate::sign_in::{basic, read_token_answer};
use crate::{Gate, Principal};

/// The most that is read of an answer of a token endpoint, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long an answer of a token endpoint may take, after its turn has come.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a request to a token endpoint waits for its turn.
const TURN: Duration = Duration::from_secs(10);

const BOUNDS: Bounds = Bounds { body_bytes: ANSWER_BYTES, total: ANSWER_TIME };

/// What a browser brought back, with what was kept for it.
pub struct Redeemed<'a> {
    /// The code.
    pub code: PlainToken,
    /// From the [`super::Landing`].
    pub verifier: PlainToken,
    /// The same as when it left.
    pub redirect_uri: &'a str,
}

impl Gate {
    /// Exchanges a code, and keeps the tokens with `connection`, which is active from then on.
    ///
    /// An audit record is written before the code and our secret go out; without one nothing does.
    pub async fn redeem(
        &self,
        principal: &Arc<Principal>,
        install: &Install,
        mut connection: ConnectionRecord,
        redeemed: Redeemed<'_>,
    ) -> Result<(), Error> {
        // Whoever signs in anew may be somebody else there: what was had before is not theirs.
        connection.refresh_sealed = None;
        let target = format!("connection:{}", connection.id);
        let pkce = install.facts.said.pkce;
        let request = TokenRequest::Code {
            code: &redeemed.code,
            redirect_uri: redeemed.redirect_uri,
            verifier: pkce.then_some(&redeemed.verifier),
        };
        let tokens = match self.exchange_at(principal, install, &target, &request).await? {
            Ok(tokens) => tokens,
            Err(refusal) => return Err(refused(install, refusal)),
        };
        let connection = self.with_tokens(install, connection, &tokens)?;
        let mut tx = self.writer.begin(principal.actor()).await?;
        tx.put_connection(&connection).await?;
        tx.commit(AuditEvent::new("connection.connect", target)).await?;
        // What was refused was of another sign-in.
        self.connect.refused_at.remove(&connection.id);
        self.heed().await;
        Ok(())
    }

    /// The same record with `tokens` sealed in it.
    pub(super) fn with_tokens(
        &self,
        install: &Install,
        mut connection: ConnectionRecord,
        tokens: &Tokens,
    ) -> Result<ConnectionRecord, Error> {
        // A server that gives no new refresh token means that the old one still serves.
        let kept = match (&tokens.refresh_token, &connection.refresh_sealed) {
            (Some(new), _) => Some(Secret::new(new.expose().to_owned())),
            (None, Some(sealed)) => Some(self.open_of(&connection, REFRESH, sealed)?),
            (None, None) => None,
        };
        connection.secret_version += 1;
        let access = Secret::new(tokens.access_token.expose().to_owned());
        connection.access_sealed = Some(self.seal_of(&connection, ACCESS, &access)?);
        connection.refresh_sealed =
            kept.map(|kept| self.seal_of(&connection, REFRESH, &kept)).transpose()?;
        let life = tokens.expires_in.map(Duration::from_secs);
        connection.expires_at = life.map(|life| self.clock.now().plus(life));
        connection.issuer = Some(install.facts.secret_goes_to());
        connection.state = ConnectionState::Active;
        Ok(connection)
    }

    /// What the token endpoint of `install` says. The inner error is its refusal.
    pub(super) async fn exchange_at(
        &self,
        principal: &Arc<Principal>,
        install: &Install,
        target: &str,
        request: &TokenRequest<'_>,
    ) -> Result<Result<Tokens, TokenRefusal>, Error> {
        let ask = self.token_ask(principal, install, target, request).await?;
        let origin = ask.url.url().origin().ascii_serialization();
        let name = &install.record.name;
        let answer = async {
            let leave = timeout(TURN, self.connect.budget.leave(origin));
            let _leave = leave.await.map_err(|_| Fault::Late)??;
            read_token_answer(self.sign_in.client.ask(ask, BOUNDS).await?)
        };
        match answer.await {
            Ok(TokenAnswer::Tokens(tokens)) => Ok(Ok(tokens)),
            Ok(TokenAnswer::Refused(refusal, code)) => {
                tracing::warn!(tool = %install.record.id, %code, "a tool refuses a token request");
                Ok(Err(refusal))
            }
            Ok(TokenAnswer::Nonsense(what)) => {
                let odd = "does not answer a token request as it should. Try again shortly.";
                Err(failed(Kind::UpstreamFailed, name, odd).with_source(what))
            }
            Err(fault) => Err(faulty(name, fault)),
        }
    }

    /// The request, with our secret in it: an audit record says for what before it is opened.
    async fn token_ask(
        &self,
        principal: &Arc<Principal>,
        install: &Install,
        target: &str,
        request: &TokenRequest<'_>,
    ) -> Result<Ask, Error> {
        let name = &install.record.name;
        let unready = || failed(Kind::Conflict, name, "is not set up yet.");
        let Auth::OAuth(oauth) = &install.facts.manifest.auth else { return Err(unready()) };
        let endpoints = install.facts.endpoints().ok_or_else(unready)?;
        if !install.facts.unconfirmed_hosts().is_empty() {
            return Err(unready());
        }
        if install.secret_for.as_ref() != Some(&install.facts.secret_goes_to()) {
            return Err(moved(name, "secret"));
        }
        let url: DocumentUrl = self.named(&endpoints.token)?;
        let client_id = install.record.client_id.as_deref().ok_or_else(unready)?;
        let tx = self.writer.begin(principal.actor()).await?;
        tx.commit(AuditEvent::new("connection.exchange", target.to_owned())).await?;
        let secret = self.open_install(&install.record)?.ok_or_else(unready)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let kind = match oauth.body {
            BodyForm::Json => "application/json",
            BodyForm::Form => "application/x-www-form-urlencoded",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let client = if oauth.basic {
            headers.insert(AUTHORIZATION, basic(client_id, &secret)?);
            None
        } else {
            Some((client_id, &secret))
        };
        let body = Bytes::from(request.body(oauth.body, client));
        Ok(Ask { method: Method::POST, url, headers, body })
    }
}

/// Why a sign-in at a tool did not work out.
pub(super) fn refused(install: &Install, refusal: TokenRefusal) -> Error {
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
            (Kind::UpstreamFailed, "does not accept this sign-in any more. Connect it again.")
        }
        TokenRefusal::Other => (Kind::UpstreamFailed, "refuses this sign-in. Connect it again."),
    };
    failed(kind, &install.record.name, what)
}

fn faulty(name: &str, fault: Fault) -> Error {
    let (kind, what) = match &fault {
        Fault::Late => (Kind::UpstreamTimeout, "is too slow to give tokens. Try again shortly."),
        Fault::Unreachable(_) => {
            (Kind::UpstreamFailed, "cannot be reached for tokens. Try again shortly.")
        }
        Fault::Refused => (
            Kind::UpstreamFailed,
            "has its token endpoint at an address that this server may not speak to.",
        ),
        Fault::Redirected => (
            Kind::UpstreamFailed,
            "sends token requests elsewhere, where no secret of ours may go.",
        ),
        _ => (
            Kind::UpstreamFailed,
            "does not answer a token request as it should. Try again shortly.",
        ),
    };
    failed(kind, name, what).with_source(fault)
}
