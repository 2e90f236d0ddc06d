//! Access tokens of ours (RFC 9068): the one place where they are made, and where they are checked.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate_kernel::{Error, PlainToken, Timestamp};
use tollgate_protocol::jwt::{ACCESS_TOKEN_TYPE, AccessClaims, Unverified, compact};
use tollgate_store::{SigningKeyRecord, SigningKeyState};
use tollgate_vault::{Opener, Place, PublicKey, Sealed, Signer, SigningKey};

/// Our signing keys, and for whom tokens are made.
pub(crate) struct Tokens {
    issuer: String,
    audiences: Vec<String>,
    keys: ArcSwap<Keys>,
}

#[derive(Default)]
struct Keys {
    signer: Option<Signer>,
    public: Vec<PublicKey>,
}

impl Tokens {
    /// Tokens of the installation at `public_url`.
    pub(crate) fn new(public_url: &str) -> Self {
        let issuer = public_url.trim_end_matches('/').to_owned();
        let audiences = vec![format!("{issuer}/v1"), format!("{issuer}/api/v1")];
        Self { issuer, audiences, keys: ArcSwap::default() }
    }

    /// The audience of the models door.
    pub(crate) fn models_audience(&self) -> String {
        format!("{}/v1", self.issuer)
    }

    /// Whether a token may be made for `audience`.
    pub(crate) fn knows(&self, audience: &str) -> bool {
        self.audiences.iter().any(|known| known == audience)
    }

    /// Takes the keys as the store has them.
    pub(crate) fn load(&self, records: &[SigningKeyRecord], opener: &Opener) -> Result<(), Error> {
        let mut keys = Keys::default();
        for record in records {
            keys.public.push(PublicKey::from_point(&record.kid, &record.public)?);
            if record.state == SigningKeyState::Active && keys.signer.is_none() {
                let sealed = Sealed::<SigningKey>::from_bytes(record.sealed.clone());
                keys.signer = Some(opener.signer(&place(&record.kid), &sealed)?);
            }
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Whether there is a key to sign with.
    pub(crate) fn can_sign(&self) -> bool {
        self.keys.load().signer.is_some()
    }

    /// Signs `claims`; the issuer is ours whatever they say.
    pub(crate) fn mint(&self, mut claims: AccessClaims) -> Result<PlainToken, Error> {
        let keys = self.keys.load();
        let signer = keys.signer.as_ref();
        let signer = signer.ok_or_else(|| Error::internal("there is no key to sign with"))?;
        claims.iss.clone_from(&self.issuer);
        let input = claims.signing_input(signer.kid());
        let signature = signer.sign(input.as_bytes())?;
        Ok(compact(&input, &signature))
    }

    /// Whether the signature is by a key of ours, over a token of this kind.
    pub(crate) fn is_ours(&self, token: &Unverified<'_>) -> bool {
        let keys = self.keys.load();
        let key = keys.public.iter().find(|key| Some(key.kid()) == token.kid());
        token.typ() == Some(ACCESS_TOKEN_TYPE)
            && key.is_some_and(|key| key.verify(token.signing_input(), token.signature()))
    }

    /// Whether verified claims are for us and in time; the audience that they name.
    pub(crate) fn check(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, Error> {
        let audience = self.audiences.iter().find(|audience| **audience == claims.aud);
        let audience = audience.ok_or_else(Error::unauthenticated)?;
        claims.check(now, &self.issuer, audience)?;
        Ok(audience.clone())
    }
}

/// Where a signing key is sealed.
pub(crate) fn place(kid: &str) -> Place {
    Place {
        table: "signing_keys",
        column: "sealed",
        row: kid.to_owned(),
        owner: "installation".to_owned(),
        version: 1,
    }
}
