//! Verifying: our token stands in the manifest, so that who entered the secret has the domain too.

use tollgate_kernel::Error;
use tollgate_vault::Vault;
use url::Url;

use super::find::{Found, hex};
use super::{Facts, Install, VERIFICATION_KEY};
use crate::sign_in::random;
use crate::{Gate, Warrant};

/// What a look at the domain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Our token is there, and all is as it was.
    Found(Box<Facts>),
    /// Our token is there, and what people are told says something else than it did.
    TextChanged(Box<Facts>),
    /// Our token is there, and what leads people, calls or credentials says something else.
    Changed(Box<Facts>),
    /// A cache still serves an older manifest: behind it our token is there.
    OldValueServed,
    /// The manifest has no token for us.
    TokenMissing,
    /// The manifest has another token for us.
    TokenWrong,
}

impl Verification {
    /// Its name in the API and on pages.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::TextChanged(_) => "text_changed",
            Self::Changed(_) => "manifest_changed",
            Self::OldValueServed => "old_value_served",
            Self::TokenMissing => "token_missing",
            Self::TokenWrong => "token_wrong",
        }
    }
}

/// What a manifest has for us.
enum Token {
    Right,
    Wrong,
    Missing,
}

impl Gate {
    /// Looks at the domain of `install` now, past what we keep and as far as that can be asked for
    /// past the caches of others, for our token and for what is pinned.
    pub async fn verify_tool(&self, _: &Warrant, install: &Install) -> Result<Verification, Error> {
        let facts = &install.facts;
        let asked = Url::parse(&facts.asked_url).map_err(Error::internal)?;
        let found = self.manifest(&asked).await?;
        let needs_token = found.published.manifest.auth.is_verified();
        let wanted = install.record.verification_token.as_deref();
        if needs_token && let Some(wanted) = wanted {
            match token(&found, wanted) {
                Token::Right => {}
                other => return self.behind_caches(&asked, wanted, other).await,
            }
        }
        let now = self.facts(&asked, found).await?;
        let now = Facts {
            confirmed_hosts: facts.confirmed_hosts.clone(),
            said: facts.said.clone(),
            ..now
        };
        let is_elsewhere = facts.leads_elsewhere(&now);
        let now = Box::new(now);
        Ok(match now.hash() == facts.hash() {
            _ if is_elsewhere => Verification::Changed(now),
            true => Verification::Found(now),
            false => Verification::TextChanged(now),
        })
    }

    /// Why the token is not there: with an address that no cache has seen, it may be.
    async fn behind_caches(
        &self,
        asked: &Url,
        wanted: &str,
        first: Token,
    ) -> Result<Verification, Error> {
        let mut unseen = asked.clone();
        unseen.query_pairs_mut().append_pair(VERIFICATION_KEY, random(&*self.rng).expose());
        let behind = self.manifest(&unseen).await.ok();
        let is_there = behind.is_some_and(|found| matches!(token(&found, wanted), Token::Right));
        Ok(match (is_there, first) {
            (true, _) => Verification::OldValueServed,
            (false, Token::Wrong) => Verification::TokenWrong,
            (false, _) => Verification::TokenMissing,
        })
    }

    /// A new verification token: 128 random bits as 32 hexadecimal digits.
    pub fn new_verification_token(&self, _: &Warrant) -> String {
        let mut bytes = [0_u8; 16];
        self.rng.fill(&mut bytes);
        hex(&bytes)
    }
}

fn token(found: &Found, wanted: &str) -> Token {
    match found.published.verification_tokens.get(VERIFICATION_KEY) {
        None => Token::Missing,
        Some(there) if Vault::same(there.as_bytes(), wanted.as_bytes()) => Token::Right,
        Some(_) => Token::Wrong,
    }
}
