//! Tokens of ours (RFC 9068; OpenID Connect Core, 2): the one place where they are made, and where
//! they are checked.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tollgate_kernel::{Error, PlainToken, Scope, Scopes, Timestamp};
use tollgate_protocol::jwt::{ACCESS_TOKEN_TYPE, AccessClaims, IdentityClaims, Jws, compact};
use tollgate_protocol::oauth::{IdClaims, Jwk, UnverifiedId, VerifiedId};
use tollgate_store::{SigningKeyRecord, SigningKeyState};
use tollgate_vault::{
    Opener, Place, PublicKey, RsaPublicKey, RsaSigner, Sealed, Signer, SigningKey,
};

/// How long a key is published after another one took its place: as long as a token of it can
/// last, and a quarter of an hour.
pub(crate) const OUTLIVED: Duration = Duration::from_secs(3_600 + 900);

/// Our signing keys, and for whom tokens are made.
pub(crate) struct Tokens {
    issuer: String,
    audiences: Vec<String>,
    keys: ArcSwap<Keys>,
}

#[derive(Default)]
struct Keys {
    signers: Vec<From<Signer>>,
    id_signers: Vec<From<RsaSigner>>,
    public: Vec<From<PublicKey>>,
    id_public: Vec<From<RsaPublicKey>>,
}

/// A key, and when it begins to sign.
struct From<T> {
    starts_at: Timestamp,
    key: T,
}

/// The newest of the keys that have begun; while none has, the first that will.
fn newest<T>(keys: &[From<T>], now: Timestamp) -> Option<&T> {
    let begun = keys.iter().filter(|key| key.starts_at <= now).max_by_key(|key| key.starts_at);
    begun.or_else(|| keys.iter().min_by_key(|key| key.starts_at)).map(|key| &key.key)
}

/// The keys that others may still need at `now`.
fn published<T>(keys: &[From<T>], now: Timestamp) -> impl Iterator<Item = &T> {
    let needed = move |key: &&From<T>| {
        let successor = keys.iter().map(|other| other.starts_at);
        let successor = successor.filter(|starts_at| *starts_at > key.starts_at).min();
        successor.is_none_or(|starts_at| starts_at.plus(OUTLIVED) > now)
    };
    keys.iter().filter(needed).map(|key| &key.key)
}

/// What signs tokens.
trait Signs {
    /// The key's name, for the token's header.
    fn name(&self) -> &str;

    /// The signature of a header and a payload with a dot between.
    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, Error>;
}

impl Signs for Signer {
    fn name(&self) -> &str {
        self.kid()
    }

    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign(input).map(Vec::from)
    }
}

impl Signs for RsaSigner {
    fn name(&self) -> &str {
        self.kid()
    }

    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign(input)
    }
}

/// The token whose header and payload `input` gives for the name of a key, signed by the newest of
/// `keys` at `now`.
fn signed<K: Signs>(
    keys: &[From<K>],
    now: Timestamp,
    input: impl FnOnce(&str) -> String,
) -> Result<PlainToken, Error> {
    let signer = newest(keys, now);
    let signer = signer.ok_or_else(|| Error::internal("there is no key to sign with"))?;
    let input = input(signer.name());
    let signature = signer.signature(input.as_bytes())?;
    Ok(compact(&input, &signature))
}

impl Tokens {
    /// Tokens of the installation at `public_url`.
    pub(crate) fn new(public_url: &str) -> Self {
        let issuer = public_url.trim_end_matches('/').to_owned();
        let doors = ["v1", "api/v1", "connections"];
        let audiences = doors.map(|door| format!("{issuer}/{door}")).into();
        Self { issuer, audiences, keys: ArcSwap::default() }
    }

    /// Who makes them: the public origin.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audience of the models door.
    pub(crate) fn models_audience(&self) -> String {
        format!("{}/v1", self.issuer)
    }

    /// The audience of the management API.
    pub(crate) fn manage_audience(&self) -> String {
        format!("{}/api/v1", self.issuer)
    }

    /// The audience of the door to connected tools.
    pub(crate) fn connections_audience(&self) -> String {
        format!("{}/connections", self.issuer)
    }

    /// Whether `audience` is one of our doors.
    pub(crate) fn knows(&self, audience: &str) -> bool {
        self.audiences.iter().any(|known| known == audience)
    }

    /// The one scope that each door knows, with its audience.
    fn doors(&self) -> [(&'static str, String); 3] {
        [
            (Scope::MODELS, self.models_audience()),
            (Scope::MANAGE, self.manage_audience()),
            (Scope::CONNECTIONS, self.connections_audience()),
        ]
    }

    /// The one scope that the door with this audience knows; nothing where it is no door of ours.
    pub(crate) fn scope_of(&self, audience: &str) -> Option<&'static str> {
        self.doors().into_iter().find(|(_, door)| door == audience).map(|(scope, _)| scope)
    }

    /// What of `scopes` a token for `audience` has: what belongs to another door is worth nothing.
    pub(crate) fn scopes_at(&self, audience: &str, scopes: Scopes) -> Scopes {
        let Scopes::Only(mut scopes) = scopes else { return scopes };
        for (scope, door) in self.doors() {
            if audience != door {
                scopes.retain(|known| known.as_str() != scope);
            }
        }
        Scopes::Only(scopes)
    }

    /// Takes the keys as the store has them. Whether a key for access tokens is gone is the answer:
    /// what it vouched for is to be looked at once more.
    pub(crate) fn load(
        &self,
        records: &[SigningKeyRecord],
        opener: &Opener,
    ) -> Result<bool, Error> {
        let mut keys = Keys::default();
        for record in records {
            let SigningKeyRecord { kid, sealed, public, starts_at, .. } = record;
            let (starts_at, signs) = (*starts_at, record.state == SigningKeyState::Active);
            let sealed = Sealed::<SigningKey>::from_bytes(sealed.clone());
            match record.alg.as_str() {
                "ES256" => {
                    let key = PublicKey::from_point(kid, public)?;
                    keys.public.push(From { starts_at, key });
                    if signs {
                        let key = opener.signer(&place(kid), &sealed)?;
                        keys.signers.push(From { starts_at, key });
                    }
                }
                "RS256" => {
                    let key = RsaPublicKey::from_der(kid, public)?;
                    keys.id_public.push(From { starts_at, key });
                    if signs {
                        let key = opener.rsa_signer(&place(kid), kid, &sealed)?;
                        keys.id_signers.push(From { starts_at, key });
                    }
                }
                alg => return Err(Error::internal(format!("the key {kid} is for {alg}"))),
            }
        }
        let keys = Arc::new(keys);
        let before = self.keys.swap(keys.clone());
        let is_there = |kid: &str| keys.public.iter().any(|key| key.key.kid() == kid);
        Ok(!before.public.iter().all(|key| is_there(key.key.kid())))
    }

    /// Whether there is a key to sign access tokens with.
    pub(crate) fn can_sign(&self) -> bool {
        !self.keys.load().signers.is_empty()
    }

    /// Whether there is a key to sign ID tokens with.
    pub(crate) fn can_sign_id(&self) -> bool {
        !self.keys.load().id_signers.is_empty()
    }

    /// Signs `claims` at `now`; the issuer is ours whatever they say.
    pub(crate) fn mint(
        &self,
        mut claims: AccessClaims,
        now: Timestamp,
    ) -> Result<PlainToken, Error> {
        claims.iss.clone_from(&self.issuer);
        signed(&self.keys.load().signers, now, |kid| claims.signing_input(kid))
    }

    /// Signs who calls a tool, at `now`; the issuer is ours whatever the claims say.
    pub(crate) fn introduce(
        &self,
        mut claims: IdentityClaims,
        now: Timestamp,
    ) -> Result<PlainToken, Error> {
        claims.iss.clone_from(&self.issuer);
        signed(&self.keys.load().signers, now, |kid| claims.signing_input(kid))
    }

    /// Signs the claims of an ID token at `now`; the issuer is ours whatever they say.
    pub(crate) fn mint_id(
        &self,
        mut claims: IdClaims,
        now: Timestamp,
    ) -> Result<PlainToken, Error> {
        claims.iss.clone_from(&self.issuer);
        signed(&self.keys.load().id_signers, now, |kid| claims.signing_input(kid))
    }

    /// The keys that verify what was signed, and will be.
    pub(crate) fn jwks(&self, now: Timestamp) -> Vec<Jwk> {
        let keys = self.keys.load();
        let ec = published(&keys.public, now);
        let ec = ec.map(|key| Jwk::es256(key.kid(), key.x(), key.y()));
        let rsa = published(&keys.id_public, now);
        let rsa = rsa.map(|key| Jwk::rs256(key.kid(), key.n().to_owned(), key.e().to_owned()));
        rsa.chain(ec).collect()
    }

    /// The ids of the keys that sign at `now`.
    pub(crate) fn in_use(&self, now: Timestamp) -> Vec<String> {
        let keys = self.keys.load();
        let ec = newest(&keys.signers, now).map(|key| key.kid().to_owned());
        let rsa = newest(&keys.id_signers, now).map(|key| key.kid().to_owned());
        ec.into_iter().chain(rsa).collect()
    }

    /// Whether the signature is by a key of ours that counts at `now`, over a token of this kind.
    pub(crate) fn is_ours(&self, token: &Jws<'_>, now: Timestamp) -> bool {
        let keys = self.keys.load();
        let key = published(&keys.public, now).find(|key| Some(key.kid()) == token.kid());
        token.typ() == Some(ACCESS_TOKEN_TYPE)
            && key.is_some_and(|key| key.verify(token.signing_input(), token.signature()))
    }

    /// What an ID token of ours says, whether it has ended or not, if its key counts at `now`.
    pub(crate) fn read_id(&self, token: &str, now: Timestamp) -> Option<VerifiedId> {
        let keys = self.keys.load();
        let token = UnverifiedId::parse(token).ok()?;
        let verified = token.verified(|token| {
            let key = published(&keys.id_public, now).find(|key| Some(key.kid()) == token.kid());
            key.is_some_and(|key| key.verify(token.signing_input(), token.signature()))
        });
        verified.ok().filter(|claims| claims.iss == self.issuer)
    }

    /// Whether verified claims are for us and in time; the audience that they name. Tokens of apps
    /// may be for others, whose questions we answer, and those that people make by a session or a
    /// key for tools; all others are for our doors. What is for another is nothing at our own.
    pub(crate) fn check(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, Error> {
        let of_app = claims.grant.is_some() || claims.sub == claims.client_id;
        let of_person = claims.sid.is_some() || claims.key.is_some();
        if !of_app && !of_person && !self.knows(&claims.aud) {
            return Err(Error::unauthenticated());
        }
        claims.check(now, &self.issuer, &claims.aud)?;
        Ok(claims.aud.clone())
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

    use tollgate_protocol::jwt::Unverified;

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
            let (kid, alg) = (kid.to_owned(), "ES256".to_owned());
            SigningKeyRecord { kid, sealed, public, alg, starts_at: NOW, state, created_at: NOW }
        }

        fn load(&self, keys: &[SigningKeyRecord]) {
            self.tokens.load(keys, &self.opener).unwrap();
        }

        fn mint(&self) -> PlainToken {
            self.mint_at(NOW)
        }

        fn mint_at(&self, now: Timestamp) -> PlainToken {
            let claims = AccessClaims {
                iss: String::new(),
                sub: "user".to_owned(),
                aud: self.tokens.models_audience(),
                exp: now.secs() + 300,
                iat: now.secs(),
                nbf: None,
                jti: "j".to_owned(),
                client_id: "c".to_owned(),
                scope: None,
                sid: None,
                models: None,
                key: None,
                budget: None,
                grant: None,
                auth_time: None,
            };
            self.tokens.mint(claims, now).unwrap()
        }

        fn accepts(&self, token: &PlainToken) -> bool {
            self.accepts_at(token, NOW)
        }

        fn accepts_at(&self, token: &PlainToken, now: Timestamp) -> bool {
            let read = || {
                let token = Unverified::parse(token.expose())?;
                let verified = token.verified(|token| self.tokens.is_ours(token, now))?;
                self.tokens.check(&AccessClaims::parse(&verified)?, now)
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

    /// Whoever has an old key signs with it today.
    #[test]
    fn j26_t39_a_key_vouches_for_nothing_once_its_last_token_has_ended() {
        let (house, thief) = (House::new(), House::new());
        let old = house.key("old", SigningKeyState::Active);
        thief.load(std::slice::from_ref(&old));
        let new = house.key("new", SigningKeyState::Active);
        let later = NOW.plus(Duration::from_secs(60));
        house.load(&[old, SigningKeyRecord { starts_at: later, ..new }]);
        let end = later.plus(OUTLIVED);
        let before = end.minus(Duration::from_micros(1));
        assert!(house.accepts_at(&thief.mint_at(before), before));
        assert!(!house.accepts_at(&thief.mint_at(end), end), "it is still there, and counts not");
        assert!(house.accepts_at(&house.mint_at(end), end));
    }

    #[test]
    fn it_is_told_when_a_key_is_gone() {
        let house = House::new();
        let (old, new) = (house.key("old", SigningKeyState::Active), "new");
        let new = house.key(new, SigningKeyState::Active);
        let load = |keys: &[SigningKeyRecord]| house.tokens.load(keys, &house.opener).unwrap();
        assert!(!load(std::slice::from_ref(&old)));
        assert!(!load(&[old, new.clone()]));
        assert!(load(&[new]));
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
