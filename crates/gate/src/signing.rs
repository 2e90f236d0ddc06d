//! The keys that sign tokens: made, published before they are used, kept until nothing that they
//! signed counts any more. What stage a key is in follows from the times in its record, so that a
//! restart in the middle of a rotation changes nothing (T39).

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Error, Timestamp};
use tollgate_protocol::oauth::{IdClaims, Jwk, VerifiedId};
use tollgate_store::{AuditEvent, NewSigningKey, SigningKeyRecord};

use crate::tokens::{OUTLIVED, place};
use crate::{Gate, Warrant};

/// What a signing key is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStage {
    /// It is published and signs later.
    Standby,
    /// It signs.
    InUse,
    /// What it signed still counts.
    Previous,
}

/// What becomes of the keys that are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// They sign until the new ones do, after this time, and what they signed counts to its end.
    After(Duration),
    /// They are removed at once, with all that they signed: somebody else has them.
    Revoked,
}

/// A signing key, as owners see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStanding {
    /// Its id in the headers of tokens.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// What it is doing.
    pub stage: KeyStage,
    /// When it begins to sign, or began.
    pub starts_at: Timestamp,
}

impl Gate {
    /// The keys that verify our tokens (RFC 7517).
    pub fn jwks(&self) -> Vec<Jwk> {
        self.tokens.jwks(self.clock.now())
    }

    /// Who makes our tokens: the public origin.
    pub fn issuer(&self) -> &str {
        self.tokens.issuer()
    }

    /// Whether there is a key to sign access tokens with.
    pub fn can_sign(&self) -> bool {
        self.tokens.can_sign()
    }

    /// Makes an ID token. The issuer is this installation whatever `claims` say.
    pub fn mint_id(
        &self,
        _: &Warrant,
        claims: IdClaims,
    ) -> Result<tollgate_kernel::PlainToken, Error> {
        self.tokens.mint_id(claims, self.clock.now())
    }

    /// What an ID token of ours says, whether it has ended or not; nothing of any other.
    pub fn read_id_token(&self, token: &str) -> Option<VerifiedId> {
        self.tokens.read_id(token, self.clock.now())
    }

    /// Makes the first key for access tokens, which signs at once.
    pub async fn make_signing_key(&self, warrant: &Warrant) -> Result<(), Error> {
        let key = self.new_key("ES256", self.clock.now()).await?;
        self.add_keys(warrant, vec![key], ("signing_key.make", false)).await
    }

    /// Makes the first key for ID tokens, if there is none: it takes a good part of a second, so
    /// that it waits for the first who needs it.
    pub async fn ensure_id_key(&self) -> Result<(), Error> {
        if self.tokens.can_sign_id() {
            return Ok(());
        }
        let _turn = self.id_key.lock().await;
        if self.tokens.can_sign_id() {
            return Ok(());
        }
        let key = self.new_key("RS256", self.clock.now()).await?;
        let mut tx = self.begin_as_setup().await?;
        let event = AuditEvent::new("signing_key.make", format!("signing_key:{}", key.kid));
        tx.insert_signing_key(&key).await?;
        tx.commit(event).await?;
        self.heed().await;
        Ok(())
    }

    /// Makes a new key of each algorithm, and removes those whose tokens have all ended or are to
    /// end. What was signed by a removed key is refused from then on.
    pub async fn rotate_signing_keys(
        &self,
        warrant: &Warrant,
        replaced: Replaced,
    ) -> Result<(), Error> {
        let lead = match replaced {
            Replaced::After(lead) => lead,
            Replaced::Revoked => Duration::ZERO,
        };
        let starts_at = self.clock.now().plus(lead);
        let mut keys = vec![self.new_key("ES256", starts_at).await?];
        if self.tokens.can_sign_id() {
            keys.push(self.new_key("RS256", starts_at).await?);
        }
        let action = match replaced {
            Replaced::After(_) => "signing_key.rotate",
            Replaced::Revoked => "signing_key.revoke",
        };
        self.add_keys(warrant, keys, (action, replaced == Replaced::Revoked)).await
    }

    /// The keys, newest first.
    pub async fn signing_keys(&self, warrant: &Warrant) -> Result<Vec<KeyStanding>, Error> {
        let now = self.clock.now();
        let in_use = self.tokens.in_use(now);
        let records = self.read(warrant).signing_keys().await?;
        let standing = |record: SigningKeyRecord| {
            let stage = match record.starts_at > now {
                _ if in_use.contains(&record.kid) => KeyStage::InUse,
                true => KeyStage::Standby,
                false => KeyStage::Previous,
            };
            let SigningKeyRecord { kid, alg, starts_at, .. } = record;
            KeyStanding { kid, alg, stage, starts_at }
        };
        Ok(records.into_iter().map(standing).collect())
    }

    async fn add_keys(
        &self,
        warrant: &Warrant,
        keys: Vec<NewSigningKey>,
        (action, revokes): (&'static str, bool),
    ) -> Result<(), Error> {
        let before = self.read(warrant).signing_keys().await?;
        let mut tx = self.begin(warrant).await?;
        let now = self.clock.now();
        for key in before.iter().filter(|key| revokes || is_outlived(key, &before, now)) {
            tx.delete_signing_key(&key.kid).await?;
        }
        let mut names = Vec::new();
        for key in &keys {
            tx.insert_signing_key(key).await?;
            names.push(key.kid.as_str());
        }
        tx.commit(AuditEvent::new(action, format!("signing_key:{}", names.join(",")))).await?;
        self.heed().await;
        Ok(())
    }

    /// A key of `alg`, made apart from the threads that serve.
    async fn new_key(
        &self,
        alg: &'static str,
        starts_at: Timestamp,
    ) -> Result<NewSigningKey, Error> {
        let mut name = [0_u8; 8];
        self.rng.fill(&mut name);
        let kid: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let (vault, rng) = (Arc::clone(&self.vault), Arc::clone(&self.rng));
        let made = tokio::task::spawn_blocking(move || {
            let place = place(&kid);
            let (sealed, public) = match alg {
                "RS256" => {
                    let (sealed, public) = vault.generate_rsa_key(&place, &kid, &*rng)?;
                    (sealed, public.der().to_vec())
                }
                _ => {
                    let (sealed, public) = vault.generate_signing_key(&place, &kid, &*rng)?;
                    (sealed, public.point().to_vec())
                }
            };
            Ok(NewSigningKey { kid, alg, sealed: sealed.into_bytes(), public, starts_at })
        });
        made.await.map_err(Error::internal)?
    }
}

/// Whether no token of `key` can count any more.
fn is_outlived(key: &SigningKeyRecord, keys: &[SigningKeyRecord], now: Timestamp) -> bool {
    let successors = keys.iter().filter(|other| other.alg == key.alg);
    let successor = successors.map(|other| other.starts_at).filter(|at| *at > key.starts_at);
    successor.min().is_some_and(|starts_at| starts_at.plus(OUTLIVED) <= now)
}
