//! Sign-ins with a provider that are under way: what is kept of one while its browser is there.

use std::time::Duration;

use tollgate_kernel::{Error, PlainToken, Secret, Slug, UserId};
use tollgate_store::{NewSignIn, ProviderRecord, SignInPurpose};
use tollgate_vault::{HashedToken, Place, Purpose, Sealed, SignInUnderWay};
use url::Url;

use crate::{Gate, Warrant};
use crate::{Outset, Provider};

/// How long a browser may stay at a provider.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(600);

/// A sign-in that is to begin.
pub struct Departure<'a> {
    /// With whom.
    pub provider: &'a ProviderRecord,
    /// What for.
    pub purpose: SignInPurpose,
    /// Who is linking.
    pub user: Option<UserId>,
    /// What the browser has to hold when it comes back.
    pub browser: &'a str,
    /// Where it goes on to then, a path of this site.
    pub next: String,
}

/// A sign-in whose browser came back. It cannot come back again.
pub struct Arrival {
    /// With whom.
    pub provider: Slug,
    /// Which version of the provider the browser was sent to.
    pub provider_version: i64,
    /// What for.
    pub purpose: SignInPurpose,
    /// Who is linking.
    pub user: Option<UserId>,
    /// Where the browser goes on to.
    pub next: String,
    /// The nonce that the ID token has to carry.
    pub nonce: PlainToken,
    /// The verifier of PKCE (RFC 7636, 4.1).
    pub verifier: PlainToken,
}

/// Stands between the two sealed texts; neither has one.
const BETWEEN: char = ' ';

impl Gate {
    /// Where a browser is sent to sign in. What its way back needs is kept for
    /// [`SIGN_IN_LIFE`], sealed.
    pub async fn depart(
        &self,
        warrant: &Warrant,
        departure: Departure<'_>,
        redirect_uri: &Url,
    ) -> Result<Url, Error> {
        let Departure { provider: record, purpose, user, browser, next } = departure;
        let provider = Provider::of(record)?;
        let outset = self.set_out(warrant.principal(), &provider, redirect_uri).await?;
        let Outset { url, state, nonce, verifier } = outset;
        let state = self.of_state(&state);
        let text = format!("{}{BETWEEN}{}", nonce.expose(), verifier.expose());
        let secrets = Secret::new(text);
        let sealed = self.vault.seal::<SignInUnderWay>(&place(&state), &secrets, &*self.rng)?;
        let new = NewSignIn {
            state: *state.as_bytes(),
            browser: *self.of_browser(browser).as_bytes(),
            provider: record.id.clone(),
            provider_version: record.version,
            purpose,
            user,
            secrets_sealed: sealed.into_bytes(),
            next,
            expires_at: self.clock.now().plus(SIGN_IN_LIFE),
        };
        let _turn = self.sign_in.writer_turn().await?;
        self.writer.insert_sign_in(&new).await?;
        Ok(url)
    }

    /// The sign-in that a browser comes back from, used up whatever becomes of it. None where the
    /// state is unknown, used, too old, or another browser's: this one holds `holds`, of which one
    /// has to be what it began with. What nobody began is looked up and writes nothing.
    pub async fn arrive(
        &self,
        _: &Warrant,
        state: &PlainToken,
        holds: &[&str],
    ) -> Result<Option<Arrival>, Error> {
        let state = self.of_state(state);
        if !self.authn.reader.is_under_way(state.as_bytes()).await? {
            return Ok(None);
        }
        let turn = self.sign_in.writer_turn().await?;
        let Some(found) = self.writer.take_sign_in(state.as_bytes()).await? else {
            return Ok(None);
        };
        drop(turn);
        let began = HashedToken::from_bytes(&found.browser)?;
        let same = holds.iter().any(|held| self.of_browser(held) == began);
        if !same || found.expires_at <= self.clock.now() {
            return Ok(None);
        }
        let sealed = Sealed::<SignInUnderWay>::from_bytes(found.secrets_sealed);
        let text = self.opener.open(&place(&state), &sealed)?;
        let halves = text.expose().split_once(BETWEEN);
        let (nonce, verifier) = halves.ok_or_else(|| Error::internal("half a sign-in"))?;
        Ok(Some(Arrival {
            provider: found.provider,
            provider_version: found.provider_version,
            purpose: found.purpose,
            user: found.user,
            next: found.next,
            nonce: PlainToken::new(nonce.to_owned()),
            verifier: PlainToken::new(verifier.to_owned()),
        }))
    }

    fn of_state(&self, state: &PlainToken) -> HashedToken {
        self.vault.mac(Purpose::SignIn, format!("state:{}", state.expose()).as_bytes())
    }

    fn of_browser(&self, browser: &str) -> HashedToken {
        self.vault.mac(Purpose::SignIn, format!("browser:{browser}").as_bytes())
    }
}

fn place(state: &HashedToken) -> Place {
    Place {
        table: "sign_ins",
        column: "secrets_sealed",
        row: state.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
        owner: "installation".to_owned(),
        version: 1,
    }
}
