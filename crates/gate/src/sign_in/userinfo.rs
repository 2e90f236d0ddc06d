//! A person's profile at a provider: UserInfo (OpenID Connect Core 1.0, 5.3), or an API of its own.

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use tollgate_kernel::{Error, PlainToken};
use tollgate_protocol::sign_in::{Profile, Tokens, primary_email};

use super::endpoints::Ways;
use super::{Identity, Provider, failed, faulty};
use crate::Gate;
use crate::fetch::{Ask, DocumentUrl, Fault};

impl Gate {
    /// Who the profile says came, of a provider without ID tokens.
    pub(super) async fn by_profile(
        &self,
        provider: &Provider,
        ways: &Ways,
        tokens: &Tokens,
    ) -> Result<Identity, Error> {
        let Some(userinfo) = &ways.userinfo else {
            return Err(failed(provider, "names no userinfo endpoint. The owner has to set it."));
        };
        let body = self.profile(provider, userinfo, &tokens.access_token).await?;
        let mut profile = self.read_profile(provider, &body)?;
        let Some(subject) = profile.subject.take() else {
            let what = "does not say who came. The owner has to check the field of the subject.";
            return Err(failed(provider, what));
        };
        if let Some(emails) = &ways.emails {
            let listed = self.profile(provider, emails, &tokens.access_token).await?;
            let (email, verified) = primary_email(&listed).unzip();
            profile.email = email;
            profile.email_verified = verified.unwrap_or(false);
        }
        let origin = userinfo.url().origin().ascii_serialization();
        let issuer = format!("{origin}#{}.{}", provider.id, provider.fields.subject);
        Ok(Identity::new(issuer, subject, profile))
    }

    pub(super) fn read_profile(&self, provider: &Provider, body: &[u8]) -> Result<Profile, Error> {
        let odd = "sent a profile that cannot be read. Try again shortly.";
        Profile::read(body, &provider.fields).map_err(|e| failed(provider, odd).with_source(e))
    }

    /// What is at `url` for the holder of this token.
    pub(super) async fn profile(
        &self,
        provider: &Provider,
        url: &DocumentUrl,
        token: &PlainToken,
    ) -> Result<Bytes, Error> {
        let odd = "sent an access token that no header can carry.";
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()));
        let mut bearer = bearer.map_err(|_| failed(provider, odd))?;
        bearer.set_sensitive(true);
        let mut ask = Ask::get(url.clone());
        ask.headers.insert(AUTHORIZATION, bearer);
        ask.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.ask_provider(ask).await.map_err(|fault| faulty(provider, fault))?;
        let fault = match answer.status {
            // Some call their JSON a script.
            StatusCode::OK => return Ok(answer.body),
            status if status.is_redirection() => Fault::Redirected,
            status => Fault::Status(status.as_u16()),
        };
        Err(faulty(provider, fault))
    }
}
