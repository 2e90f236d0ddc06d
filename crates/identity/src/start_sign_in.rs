//! Sending a browser to a sign-in provider: to sign in, or to link the account there.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::{Departure, Gate, Principal, redirect_uri_of};
use tollgate_kernel::{Error, Manage, Method, Noun, Slug, UserId};
use tollgate_store::{ProviderRecord, SignInPurpose};
use url::Url;

use crate::state::IdentityState;

/// Where a browser is to be sent, and how it is known when it comes back.
pub(crate) struct Start<'a> {
    pub(crate) provider: &'a Slug,
    /// Our own origin, to which it comes back.
    pub(crate) origin: &'a str,
    /// What the browser has to hold when it comes back.
    pub(crate) browser: Browser,
    /// Where it goes on to then, a path of this site.
    pub(crate) next: &'a str,
}

/// What ties a sign-in to the browser that began it.
pub(crate) enum Browser {
    /// A cookie of its own: nobody is signed in, or that does not matter.
    Cookie(String),
    /// The session in which an account is linked: it must be the same at the end.
    Session(String, UserId),
}

impl Browser {
    /// The session of the person who links. What was made from a session, such as a token, is not
    /// it: an account must not be linked by what was lent.
    pub(crate) fn of_session(caller: &Principal) -> Option<Self> {
        if caller.method() != Method::Session {
            return None;
        }
        let session = caller.credential().session()?;
        Some(Self::Session(format!("session:{session}"), caller.user()?))
    }

    /// What the sign-in is bound to.
    pub(crate) fn binding(&self) -> String {
        match self {
            Self::Cookie(value) => format!("cookie:{value}"),
            Self::Session(value, _) => value.clone(),
        }
    }
}

/// The providers that people may sign in with, in the order of their names.
pub(crate) async fn offered(
    gate: &Gate,
    caller: &Arc<Principal>,
) -> Result<Vec<ProviderRecord>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
    let mut all = gate.read(&warrant).providers().await?;
    all.retain(|provider| provider.enabled);
    Ok(all)
}

/// Where a provider sends browsers back to: the redirect URI that is registered there.
pub(crate) fn redirect_uri(origin: &str, provider: &Slug) -> Result<Url, Error> {
    Url::parse(&redirect_uri_of(origin, provider)).map_err(Error::internal)
}

/// The address at the provider that the browser is to go to. A provider that is unknown or off is
/// not found. What begins so counts like every attempt to sign in.
pub(crate) async fn start_sign_in(
    state: &IdentityState,
    caller: &Arc<Principal>,
    start: Start<'_>,
) -> Result<Url, Error> {
    state.networks.count(Attempt::SignIn, caller)?;
    let gate = &state.gate;
    let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
    let Start { provider, origin, browser, next } = start;
    let record = gate.read(&warrant).provider(provider).await?;
    let record = record.filter(|record| record.enabled).ok_or_else(Error::not_found)?;
    let (purpose, user) = match &browser {
        Browser::Cookie(_) => (SignInPurpose::SignIn, None),
        Browser::Session(_, user) => (SignInPurpose::Link, Some(*user)),
    };
    let departure = Departure {
        provider: &record,
        purpose,
        user,
        browser: &browser.binding(),
        next: next.to_owned(),
    };
    gate.depart(&warrant, departure, &redirect_uri(origin, provider)?).await
}
