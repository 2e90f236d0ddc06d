//! Who an ID token says came (OpenID Connect Core 1.0, 3.1.3.7), and the keys it is checked with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::Error;
use tollgate_protocol::sign_in::{
    Algorithm, IdClaims, Jwk, Jwks, Profile, Tokens, UnverifiedIdToken, VerifiedIdToken,
};
use tollgate_vault::{Vault, half_hash, is_signed_by};

use super::endpoints::{TERMS, Ways};
use super::{Identity, Provider, Returned, failed, faulty};
use crate::Gate;
use crate::fetch::{DocumentUrl, Fault};

/// How long the keys of a sign-in provider are used before they are asked for again: a key that was
/// taken out counts no longer than this.
const KEPT: Duration = Duration::from_secs(600);

/// How long a sign-in provider that gave its keys is not asked again, whatever names of keys come
/// along.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a sign-in provider that did not give its keys is not asked again.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(5);

/// The most sign-in providers whose keys are kept.
const PROVIDERS: usize = 256;

/// The keys of all providers, by where they are.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<DocumentUrl, Arc<Slot>>>);

/// The lock is held while keys are fetched: others wait for that.
type Slot = tokio::sync::Mutex<Known>;

#[derive(Default)]
struct Known {
    keys: Jwks,
    fault: Option<Fault>,
    /// Until when the keys count.
    until: Duration,
    /// When they may be asked for again; `None`: at once.
    again: Option<Duration>,
}

impl Gate {
    /// Who the ID token says came.
    pub(super) async fn by_id_token(
        &self,
        provider: &Provider,
        issuer: &str,
        ways: &Ways,
        tokens: &Tokens,
        returned: &Returned,
    ) -> Result<Identity, Error> {
        let refused = |error: Error| {
            let what = "sent an ID token that is not accepted. Start again; if it stays so, the \
                        owner has to check the issuer and the client id.";
            failed(provider, what).with_source(error.cause().unwrap_or_default())
        };
        let (Some(token), Some(jwks)) = (&tokens.id_token, &ways.jwks) else {
            let what = "sent no ID token. The owner has to ask for the scope openid.";
            return Err(failed(provider, what));
        };
        let token = UnverifiedIdToken::parse(token.expose()).map_err(refused)?;
        let algorithm = token.algorithm();
        let key = self.provider_key(jwks, token.jws().kid(), algorithm).await;
        let key = key.map_err(|fault| faulty(provider, fault))?;
        let token = token.verified(|token| {
            key.is_some_and(|key| {
                is_signed_by(&key, algorithm, token.signing_input(), token.signature())
            })
        });
        let token = token.map_err(refused)?;
        let claims = IdClaims::parse(&token).map_err(refused)?;
        claims.check(self.clock.now(), issuer, &provider.client_id).map_err(refused)?;
        belongs(&claims, algorithm, tokens, returned).map_err(refused)?;
        let profile = self.profile_of(provider, ways, tokens, &token, &claims).await?;
        Ok(Identity::new(claims.iss, claims.sub, profile))
    }

    /// What the token says of the person; the profile, where it has no e-mail address.
    async fn profile_of(
        &self,
        provider: &Provider,
        ways: &Ways,
        tokens: &Tokens,
        token: &VerifiedIdToken,
        claims: &IdClaims,
    ) -> Result<Profile, Error> {
        let told = Profile::read(token.payload(), &provider.fields)?;
        let Some(userinfo) = ways.userinfo.as_ref().filter(|_| told.email.is_none()) else {
            return Ok(told);
        };
        let body = self.profile(provider, userinfo, &tokens.access_token).await?;
        let is_same = subject(&body).is_some_and(|subject| subject == claims.sub);
        if !is_same {
            // Somebody put another person's access token beside the ID token (5.3.2).
            return Err(failed(provider, "sent the profile of somebody else. Start again."));
        }
        let more = self.read_profile(provider, &body)?;
        Ok(Profile { name: told.name.or(more.name), locale: told.locale.or(more.locale), ..more })
    }

    /// The key `kid` of the set at `url`. One that is not known has the set fetched again, but not
    /// soon after it was.
    async fn provider_key(
        &self,
        url: &DocumentUrl,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Jwk>, Fault> {
        let slot = self.sign_in.keys.slot(url);
        let mut known = slot.lock().await;
        let now = self.clock.elapsed();
        if now < known.until {
            let found = known.keys.find(kid, algorithm);
            if found.is_some() {
                return Ok(found.cloned());
            }
        }
        if known.again.is_none_or(|again| again <= now) {
            self.fetch_keys(url, &mut known).await;
        }
        let found = known.keys.find(kid, algorithm).filter(|_| now < known.until).cloned();
        match (&found, &known.fault) {
            (None, Some(fault)) => Err(fault.clone()),
            _ => Ok(found),
        }
    }

    /// Keys that cannot be fetched again stay until their time.
    async fn fetch_keys(&self, url: &DocumentUrl, known: &mut Known) {
        let fetched = self.fetcher.fetch_fresh(url.clone(), TERMS).await;
        let read = fetched.and_then(|document| {
            Jwks::parse(&document.body).map_err(|error| Fault::Broken(error.to_string()))
        });
        let now = self.clock.elapsed();
        match read {
            Ok(keys) => {
                let (until, again) = (now + KEPT, Some(now + PAUSE));
                *known = Known { keys, fault: None, until, again };
            }
            Err(fault) => {
                known.fault = Some(fault);
                known.again = Some(now + PAUSE_AFTER_FAULT);
            }
        }
    }
}

impl Keys {
    fn slot(&self, url: &DocumentUrl) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= PROVIDERS && !slots.contains_key(url) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(url.clone()).or_default().clone()
    }
}

/// Whether the token belongs to this sign-in, and to the access token beside it.
fn belongs(
    claims: &IdClaims,
    algorithm: Algorithm,
    tokens: &Tokens,
    returned: &Returned,
) -> Result<(), Error> {
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if !Vault::same(nonce.as_bytes(), returned.nonce.expose().as_bytes()) {
        return Err(Error::unauthenticated().with_source("the nonce is another sign-in's"));
    }
    let at_hash = half_hash(algorithm, tokens.access_token.expose());
    if claims.at_hash.as_ref().is_some_and(|told| *told != at_hash) {
        return Err(Error::unauthenticated().with_source("at_hash is another access token's"));
    }
    Ok(())
}

/// The subject of a profile in the form of OpenID Connect.
fn subject(body: &[u8]) -> Option<String> {
    let fields = tollgate_protocol::sign_in::Fields::default();
    Profile::read(body, &fields).ok()?.subject
}
