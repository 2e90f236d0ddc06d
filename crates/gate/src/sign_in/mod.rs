//! Signing in with somebody else: where a browser is sent, and who came back.
//!
//! The provider is asked by the guarded client of [`crate::fetch`]. Our client secret is opened
//! here, after an audit record says for what, and goes to the token endpoint alone.

mod endpoints;
mod exchange;
mod id_token;
mod outset;
mod probe;
mod userinfo;

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_kernel::{Error, Kind, PlainToken, Secret, Slug};
use tollgate_protocol::sign_in::Profile;
use tollgate_store::AuditEvent;
use tollgate_vault::{Place, Sealed, SignInSecret};
use url::Url;

use self::endpoints::Ways;
pub(crate) use self::exchange::{basic, read as read_token_answer};
pub(crate) use self::id_token::Keys;
pub(crate) use self::outset::random;
pub use self::probe::Finding;
use crate::fetch::{Budget, Client, Fault};
use crate::{Gate, Principal, Warrant};

/// How many requests to sign-in providers are on their way at once.
const AT_ONCE: usize = 64;

/// How many requests to one sign-in provider are on their way at once.
const AT_ONCE_EACH: usize = 32;

/// How many sign-ins wait for the store's writer at once. The others wait for these, and not in the
/// writer's own queue, where they would be in the way of everybody else and be sent away.
const WRITERS: usize = 4;

/// A sign-in provider, as the gate needs it. Our secret for it is in here, sealed.
#[derive(Clone)]
pub struct Provider {
    /// Its name here.
    pub id: Slug,
    /// The issuer of its ID tokens, byte for byte; `None`: it speaks OAuth 2.0 alone, and its
    /// profile says who came.
    pub issuer: Option<String>,
    /// Who we are there.
    pub client_id: String,
    /// Our secret there; `None` for a client without one.
    pub client_secret: Option<SealedSecret>,
    /// What the owner has set; the rest comes from the issuer's metadata.
    pub endpoints: Endpoints,
    /// The names of members in its profile.
    pub fields: tollgate_protocol::sign_in::Fields,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Whether id and secret stand in the form, for those who do not read HTTP Basic.
    pub secret_in_form: bool,
}

/// A sealed client secret with the version of the record that it was sealed for.
#[derive(Clone)]
pub struct SealedSecret {
    /// The sealed bytes, as [`Gate::seal_client_secret`] made them.
    pub bytes: Vec<u8>,
    /// The version of the record.
    pub version: i64,
}

/// The endpoints of a provider that the owner has set. One that is set may lead anywhere that
/// `outbound.allow` allows, and with http to this machine; one that comes from metadata has to have
/// the issuer's origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Where browsers are sent.
    pub authorize: Option<Url>,
    /// Where codes are exchanged.
    pub token: Option<Url>,
    /// Where the profile is.
    pub userinfo: Option<Url>,
    /// Where the list of e-mail addresses is, for providers whose profile has none that is
    /// verified, in the form of GitHub's.
    pub emails: Option<Url>,
    /// Where the keys are.
    pub jwks: Option<Url>,
}

/// The way out of a browser. State, nonce and verifier are to be kept, bound to that browser.
pub struct Outset {
    /// Where the browser is sent.
    pub url: Url,
    /// What comes back with the answer: 256 random bits.
    pub state: PlainToken,
    /// What comes back in the ID token.
    pub nonce: PlainToken,
    /// The proof key that the exchange needs (RFC 7636).
    pub verifier: PlainToken,
}

/// What a browser brought back, with what was kept for it.
pub struct Returned {
    /// The code.
    pub code: PlainToken,
    /// The parameter `iss` of the answer (RFC 9207).
    pub iss: Option<String>,
    /// From the [`Outset`].
    pub nonce: PlainToken,
    /// From the [`Outset`].
    pub verifier: PlainToken,
}

/// Who came back. Issuer and subject together say who; nothing else of it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer of the ID token. Of a provider without one: the origin of its profile, its name
    /// here and the member that says who it is, as in `https://api.github.com#github.id`. So
    /// whoever sets another origin or member makes other people of its subjects; the path may
    /// change, since some carry a version in it.
    pub issuer: String,
    /// Whom that issuer means.
    pub subject: String,
    /// An e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified it. Everything but its literal `true` says no.
    pub email_verified: bool,
    /// How the person is called.
    pub name: Option<String>,
    /// Their language.
    pub locale: Option<String>,
}

impl Identity {
    fn new(issuer: String, subject: String, profile: Profile) -> Self {
        let Profile { subject: _, email, email_verified, name, locale } = profile;
        Self { issuer, subject, email, email_verified, name, locale }
    }
}

/// What signing in needs beside the store and the vault.
pub(crate) struct SignIn {
    pub(crate) client: Arc<Client>,
    pub(crate) budget: Budget,
    pub(crate) keys: Keys,
    writers: Semaphore,
}

impl SignIn {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        let (budget, writers) = (Budget::new(AT_ONCE, AT_ONCE_EACH), Semaphore::new(WRITERS));
        Self { client, budget, keys: Keys::default(), writers }
    }

    /// Waits until it is this sign-in's turn to write.
    pub(crate) async fn writer_turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.writers.acquire().await.map_err(Error::internal)
    }
}

impl Gate {
    /// Where a browser is sent to sign in at `provider`, with state, nonce and proof key made here.
    /// `redirect_uri` is where it comes back to. Fails where the provider's metadata cannot be had,
    /// is another issuer's, or names endpoints elsewhere.
    pub async fn set_out(
        &self,
        _: &Arc<Principal>,
        provider: &Provider,
        redirect_uri: &Url,
    ) -> Result<Outset, Error> {
        let ways = self.ways(provider).await?;
        Ok(outset::outset(&ways.authorize, provider, redirect_uri, &*self.rng))
    }

    /// Refuses an answer that is not from `provider`, by its parameter `iss` (RFC 9207, 2.4): for
    /// answers that are errors. [`Gate::claims`] does so itself.
    pub async fn check_issuer(&self, provider: &Provider, iss: Option<&str>) -> Result<(), Error> {
        is_from(provider, &self.ways(provider).await?, iss)
    }

    /// Exchanges the code, and says who came.
    ///
    /// An audit record is written before the code and our secret go out; without one nothing does.
    /// From a provider with an issuer the ID token says who came: signature, `iss`, `aud`, `azp`,
    /// `exp`, `iat`, `nonce` and `at_hash` are checked, and its profile is asked for where the
    /// token has no e-mail address. From any other the profile says it.
    pub async fn claims(
        &self,
        principal: &Arc<Principal>,
        provider: &Provider,
        redirect_uri: &Url,
        returned: Returned,
    ) -> Result<Identity, Error> {
        let ways = self.ways(provider).await?;
        is_from(provider, &ways, returned.iss.as_deref())?;
        self.note(principal, "provider.exchange", provider).await?;
        let tokens = self.exchange(provider, &ways, redirect_uri, &returned).await?;
        match &provider.issuer {
            Some(issuer) => self.by_id_token(provider, issuer, &ways, &tokens, &returned).await,
            None => self.by_profile(provider, &ways, &tokens).await,
        }
    }

    /// Seals our client secret at `provider`; `version` is the one that its record will have.
    pub fn seal_client_secret(
        &self,
        _: &Warrant,
        provider: &Slug,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let place = place(provider, version);
        Ok(self.vault.seal::<SignInSecret>(&place, secret, &*self.rng)?.into_bytes())
    }

    /// The client secret at `provider`, sealed anew for the version that its record will have next.
    pub fn carry_client_secret(
        &self,
        _: &Warrant,
        provider: &Slug,
        secret: &SealedSecret,
    ) -> Result<Vec<u8>, Error> {
        let opened = self.client_secret(provider, secret)?;
        let place = place(provider, secret.version + 1);
        Ok(self.vault.seal::<SignInSecret>(&place, &opened, &*self.rng)?.into_bytes())
    }

    fn client_secret(&self, provider: &Slug, secret: &SealedSecret) -> Result<Secret, Error> {
        let sealed = Sealed::<SignInSecret>::from_bytes(secret.bytes.clone());
        self.opener.open(&place(provider, secret.version), &sealed)
    }

    /// Writes that `principal` did `action` with `provider`: the leave for a secret to go out.
    async fn note(
        &self,
        principal: &Principal,
        action: &'static str,
        provider: &Provider,
    ) -> Result<(), Error> {
        let _turn = self.sign_in.writer_turn().await?;
        let tx = self.writer.begin(principal.actor()).await?;
        tx.commit(AuditEvent::new(action, format!("provider:{}", provider.id))).await
    }
}

/// Where a provider sends browsers back to, on an installation at `origin`: the redirect URI that
/// is registered there.
pub fn redirect_uri_of(origin: &str, provider: &Slug) -> String {
    format!("{origin}/callback/{provider}")
}

/// Where a client secret is sealed.
fn place(provider: &Slug, version: i64) -> Place {
    Place {
        table: "providers",
        column: "client_secret_sealed",
        row: provider.to_string(),
        owner: "installation".to_owned(),
        version,
    }
}

/// Whether an answer is from `provider`: its `iss`, compared byte for byte wherever there is one,
/// and needed where the metadata promises it. A provider without an issuer is known by its redirect
/// URI alone.
fn is_from(provider: &Provider, ways: &Ways, iss: Option<&str>) -> Result<(), Error> {
    let is_good = match (&provider.issuer, iss) {
        (Some(issuer), Some(iss)) => issuer == iss,
        (Some(_), None) => !ways.iss_promised,
        (None, _) => true,
    };
    if is_good {
        return Ok(());
    }
    let what = format!(
        "This answer does not come from the sign-in provider {}. Start again at the sign-in page.",
        provider.id
    );
    Err(Error::invalid(what).with_source("iss is missing or another issuer's"))
}

/// The provider does not do what it should; `what` goes on after its name.
fn failed(provider: &Provider, what: &str) -> Error {
    let what = format!("The sign-in provider {} {what}", provider.id);
    Error::new(Kind::UpstreamFailed, what)
}

/// The same for a request that went wrong.
fn faulty(provider: &Provider, fault: Fault) -> Error {
    let (kind, what) = match &fault {
        Fault::Late => (Kind::UpstreamTimeout, "is too slow. Try again shortly."),
        Fault::Unreachable(_) => (Kind::UpstreamFailed, "cannot be reached. Try again shortly."),
        Fault::Refused => (
            Kind::UpstreamFailed,
            "is at an address that this server may not speak to. The owner has to allow it.",
        ),
        _ => (Kind::UpstreamFailed, "does not answer as it should. Try again shortly."),
    };
    Error::new(kind, format!("The sign-in provider {} {what}", provider.id)).with_source(fault)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
