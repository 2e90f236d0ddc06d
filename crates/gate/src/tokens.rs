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

    /// Who makes tokens here: the public origin.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tollgate_kernel::SeededRng;
    use tollgate_root::Root;
    use tollgate_vault::{MasterKey, Vault};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    struct House {
        vault: Vault,
        opener: Opener,
        tokens: Tokens,
    }

    impl House {
        fn new() -> Self {
            let master = MasterKey::from_text(&"07".repeat(32)).unwrap();
            let (vault, opener) = tollgate_vault::unlock(&Root::new(), master).unwrap();
            Self { vault, opener, tokens: Tokens::new("https://id.example") }
        }

        fn key(&self, kid: &str, state: SigningKeyState) -> SigningKeyRecord {
            let rng = SeededRng::new(1);
            let made = self.vault.generate_signing_key(&place(kid), kid, &rng).unwrap();
            let (sealed, public) = (made.0.as_bytes().to_vec(), made.1.point().to_vec());
            SigningKeyRecord { kid: kid.to_owned(), sealed, public, state, created_at: NOW }
        }

        fn load(&self, keys: &[SigningKeyRecord]) {
            self.tokens.load(keys, &self.opener).unwrap();
        }

        fn mint(&self) -> PlainToken {
            let claims = AccessClaims {
                iss: String::new(),
                sub: "user".to_owned(),
                aud: self.tokens.models_audience(),
                exp: NOW.secs() + 300,
                iat: NOW.secs(),
                nbf: None,
                jti: "j".to_owned(),
                client_id: "c".to_owned(),
                scope: None,
                sid: None,
                models: None,
                key: None,
                budget: None,
            };
            self.tokens.mint(claims).unwrap()
        }

        fn accepts(&self, token: &PlainToken) -> bool {
            let read = || {
                let token = Unverified::parse(token.expose())?;
                let verified = token.verified(|token| self.tokens.is_ours(token))?;
                self.tokens.check(&AccessClaims::parse(&verified)?, NOW)
            };
            read().is_ok()
        }
    }

    #[test]
    fn j26_a_key_that_is_gone_vouches_for_nothing() {
        let house = House::new();
        let old = house.key("old", SigningKeyState::Active);
        house.load(std::slice::from_ref(&old));
        let token = house.mint();
        assert!(house.accepts(&token));
        let new = house.key("new", SigningKeyState::Active);
        house.load(&[new.clone(), SigningKeyRecord { state: SigningKeyState::Retired, ..old }]);
        assert!(house.accepts(&token), "what it signed counts until it is gone");
        house.load(std::slice::from_ref(&new));
        assert!(!house.accepts(&token));
        assert!(house.accepts(&house.mint()));
        // Another key under the old one's name is another key.
        house.load(&[new, house.key("old", SigningKeyState::Retired)]);
        assert!(!house.accepts(&token));
    }

    #[test]
    fn j3_j21_only_our_own_keys_and_our_own_name_count() {
        let (ours, theirs) = (House::new(), House::new());
        ours.load(&[ours.key("k", SigningKeyState::Active)]);
        theirs.load(&[theirs.key("k", SigningKeyState::Active)]);
        assert!(!ours.accepts(&theirs.mint()), "the same key id, another key");
        theirs.load(&[theirs.key("../../etc/passwd", SigningKeyState::Active)]);
        assert!(!ours.accepts(&theirs.mint()));
        // Our key, and an issuer whose keys we would have to fetch.
        let stranger = House { tokens: Tokens::new("https://evil.example"), ..House::new() };
        let key = ours.key("shared", SigningKeyState::Active);
        ours.load(std::slice::from_ref(&key));
        stranger.load(&[key]);
        assert!(!ours.accepts(&stranger.mint()));
    }
}
