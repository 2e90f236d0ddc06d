//! Keyed hashes: what is kept of a credential that we only have to recognise.

use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use tollgate_kernel::Error;

use crate::derive::{Derivation, first};
use crate::vault::Vault;

/// What a keyed hash is for. Each purpose has a key of its own, so a hash made for one is worth
/// nothing for another. Passwords are not among them: their keyed hash never leaves the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// API keys, as they are stored.
    ApiKey,
    /// Signed access tokens, as caches of verified ones know them.
    AccessToken,
    /// Session cookies.
    Session,
    /// One-time links: set-up, sign-in, e-mail.
    Link,
    /// Sign-ins with a provider that are under way: their state, and the browser they began in.
    SignIn,
    /// Refresh tokens.
    RefreshToken,
    /// The `safety_identifier` that a model provider sees in place of a user.
    SafetyIdentifier,
    /// The `prompt_cache_key` that a model provider sees in place of the caller's.
    PromptCache,
    /// The token in a form, made from the session it belongs to.
    Csrf,
    /// The seal on a page cursor.
    Cursor,
    /// Requests that are to be done once: who asks where with which key, and what.
    Replay,
    /// Identifiers in logs, so that lines about one thing can be found together.
    Correlation,
    /// Secrets of apps.
    ClientSecret,
    /// Authorization codes.
    AuthorizationCode,
    /// The refresh token that follows another one: made from it, so that it need not be kept.
    RefreshSuccessor,
    /// The seal on an authorization request that waits for a person.
    AuthorizationTicket,
    /// Service tokens of tools that their owners gave.
    ToolToken,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 17] = [
        Self::ApiKey,
        Self::AccessToken,
        Self::Session,
        Self::Link,
        Self::SignIn,
        Self::RefreshToken,
        Self::SafetyIdentifier,
        Self::PromptCache,
        Self::Csrf,
        Self::Cursor,
        Self::Replay,
        Self::Correlation,
        Self::ClientSecret,
        Self::AuthorizationCode,
        Self::RefreshSuccessor,
        Self::AuthorizationTicket,
        Self::ToolToken,
    ];

    /// The name in the derivation. It is stable: another name is another key.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ApiKey => "api key",
            Self::AccessToken => "access token",
            Self::Session => "session",
            Self::Link => "link",
            Self::SignIn => "sign-in",
            Self::RefreshToken => "refresh token",
            Self::SafetyIdentifier => "safety identifier",
            Self::PromptCache => "prompt cache",
            Self::Csrf => "csrf",
            Self::Cursor => "cursor",
            Self::Replay => "replay",
            Self::Correlation => "correlation",
            Self::ClientSecret => "client secret",
            Self::AuthorizationCode => "authorization code",
            Self::RefreshSuccessor => "refresh successor",
            Self::AuthorizationTicket => "authorization ticket",
            Self::ToolToken => "tool token",
        }
    }

    /// The version of its key. Raising it makes every stored hash of this purpose void.
    pub const fn version(self) -> u8 {
        1
    }
}

/// A keyed hash: HMAC-SHA-256. Compared in constant time; fit to be stored and to key a map.
#[derive(Clone, Copy)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    /// The bytes, for the store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what the store holds; an internal error when it is not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_| {
            Error::internal(format!("a stored token hash has {} bytes, not 32", bytes.len()))
        })?;
        Ok(Self(bytes))
    }
}

impl PartialEq for HashedToken {
    fn eq(&self, other: &Self) -> bool {
        Vault::same(&self.0, &other.0)
    }
}

impl Eq for HashedToken {}

impl Hash for HashedToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(..)")
    }
}

impl Vault {
    /// The plain SHA-256 of `data`, as standards ask for it where nothing is secret.
    pub fn sha256(data: &[u8]) -> [u8; 32] {
        first(digest(&SHA256, data).as_ref())
    }

    /// The keyed hash of `data` for `purpose`. What has several parts must be made unambiguous by
    /// the caller, for example by a length before each.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> HashedToken {
        HashedToken(first(hmac::sign(self.macs.key(purpose), data).as_ref()))
    }
}

/// One HMAC key for each purpose, its first block already hashed: this is on every call's way.
pub(crate) struct Macs {
    api_key: hmac::Key,
    access_token: hmac::Key,
    session: hmac::Key,
    link: hmac::Key,
    sign_in: hmac::Key,
    refresh_token: hmac::Key,
    safety_identifier: hmac::Key,
    prompt_cache: hmac::Key,
    csrf: hmac::Key,
    cursor: hmac::Key,
    replay: hmac::Key,
    correlation: hmac::Key,
    client_secret: hmac::Key,
    authorization_code: hmac::Key,
    refresh_successor: hmac::Key,
    authorization_ticket: hmac::Key,
    tool_token: hmac::Key,
}

impl Macs {
    pub(crate) fn new(tree: &Derivation) -> Result<Self, Error> {
        let key = |purpose: Purpose| tree.hmac(purpose.label(), purpose.version());
        Ok(Self {
            api_key: key(Purpose::ApiKey)?,
            access_token: key(Purpose::AccessToken)?,
            session: key(Purpose::Session)?,
            link: key(Purpose::Link)?,
            sign_in: key(Purpose::SignIn)?,
            refresh_token: key(Purpose::RefreshToken)?,
            safety_identifier: key(Purpose::SafetyIdentifier)?,
            prompt_cache: key(Purpose::PromptCache)?,
            csrf: key(Purpose::Csrf)?,
            cursor: key(Purpose::Cursor)?,
            replay: key(Purpose::Replay)?,
            correlation: key(Purpose::Correlation)?,
            client_secret: key(Purpose::ClientSecret)?,
            authorization_code: key(Purpose::AuthorizationCode)?,
            refresh_successor: key(Purpose::RefreshSuccessor)?,
            authorization_ticket: key(Purpose::AuthorizationTicket)?,
            tool_token: key(Purpose::ToolToken)?,
        })
    }

    fn key(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::ApiKey => &self.api_key,
            Purpose::AccessToken => &self.access_token,
            Purpose::Session => &self.session,
            Purpose::Link => &self.link,
            Purpose::SignIn => &self.sign_in,
            Purpose::RefreshToken => &self.refresh_token,
            Purpose::SafetyIdentifier => &self.safety_identifier,
            Purpose::PromptCache => &self.prompt_cache,
            Purpose::Csrf => &self.csrf,
            Purpose::Cursor => &self.cursor,
            Purpose::Replay => &self.replay,
            Purpose::Correlation => &self.correlation,
            Purpose::ClientSecret => &self.client_secret,
            Purpose::AuthorizationCode => &self.authorization_code,
            Purpose::RefreshSuccessor => &self.refresh_successor,
            Purpose::AuthorizationTicket => &self.authorization_ticket,
            Purpose::ToolToken => &self.tool_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::fixture::vault_of;
    use std::collections::{HashMap, HashSet};

    /// HMAC-SHA-256 of "token", under the key of each purpose of the master key 0101…01; computed
    /// with another implementation of HKDF and HMAC. A change here makes stored hashes void.
    const KNOWN: [(Purpose, &str); 17] = [
        (Purpose::ApiKey, "958c2f795bc66d82efa7b99713a80cbe00a44e3406e8072c1f56a7a6f68615af"),
        (Purpose::AccessToken, "d8028c196a9e96414bbfddfd2a2661ee55920b6e8b16ea64aeb42d6f4f0feb7f"),
        (Purpose::Session, "8ab2a7db66ceea4a5690d29478831491493aa4a34d7343c5f7bf310160908d19"),
        (Purpose::Link, "482402ca66b29662a438b4687a8104cc4838139467f5352a946922b828cec0d7"),
        (Purpose::SignIn, "f1e6c7e3e0effdbb3c106dd7aa10ae313238bb79c20640180f9f4300058c42d3"),
        (Purpose::RefreshToken, "397e0c306a713b3f88a8a0c84becd4a300f0e4bf5b7f34e6d24932a23a121a39"),
        (
            Purpose::SafetyIdentifier,
            "96517c97176fade93c4a67d49ace47c3cd37f0ab95ddea92a56cb3765d447105",
        ),
        (Purpose::PromptCache, "b0b34969606a697419854688920d3d746f19c8c5fe27c2477019e656810374fd"),
        (Purpose::Csrf, "51cc0bf4d5fdd2b6640fc4404360f54de66fd485ad854ecaebd7cc9724252585"),
        (Purpose::Cursor, "986bbbfd94df5d5ec36e8c0f15b02e8874fffe669e65946d5fbd5ec4a4e09aed"),
        (Purpose::Replay, "645d0b3efe82056a55f6ba121355e4296813faadad8bc50353e8505dd366494f"),
        (Purpose::Correlation, "987ac1618d87bac429a5026fa12b36c3fbbda07bd4dbae57585827280a822f72"),
        (Purpose::ClientSecret, "3227a2dd406158ebae55262c8d15a1874ac9b06578797d6972faebad6b2d9cb0"),
        (
            Purpose::AuthorizationCode,
            "289accb8d5aec9b6e4263407f827887d775e9ee8963d90c28c0a4f58dfad591d",
        ),
        (
            Purpose::RefreshSuccessor,
            "529b49afd3fe4008b59e3e94ac52de5fcf5c7b00e33d8712282a34740f1eabc6",
        ),
        (
            Purpose::AuthorizationTicket,
            "3a80f005e1c588fd5f9d9306d04e690b883b0db9463195bf026a3a5be8c431b6",
        ),
        (Purpose::ToolToken, "6613debd97a68fb68a987b99c38640e9d1a11db4fe0c3975f0fa18b6036a3aa7"),
    ];

    fn hex(token: HashedToken) -> String {
        token.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hashes_are_those_of_another_implementation() {
        let (vault, _) = vault_of(1);
        assert_eq!(KNOWN.map(|(purpose, _)| purpose), Purpose::ALL);
        for (purpose, expected) in KNOWN {
            assert_eq!(hex(vault.mac(purpose, b"token")), expected, "{purpose:?}");
        }
    }

    #[test]
    fn k2_k3_without_the_pepper_no_stored_hash_can_be_made() {
        let (ours, theirs) = (vault_of(1).0, vault_of(2).0);
        assert_eq!(ours.mac(Purpose::ApiKey, b"token"), ours.mac(Purpose::ApiKey, b"token"));
        assert_ne!(ours.mac(Purpose::ApiKey, b"token"), ours.mac(Purpose::ApiKey, b"tokem"));
        assert_ne!(ours.mac(Purpose::ApiKey, b"token"), theirs.mac(Purpose::ApiKey, b"token"));
        let unkeyed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"token");
        assert_ne!(&ours.mac(Purpose::ApiKey, b"token").as_bytes()[..], unkeyed.as_ref());
    }

    #[test]
    fn labels_are_unique() {
        let labels: HashSet<_> = Purpose::ALL.into_iter().map(Purpose::label).collect();
        assert_eq!(labels.len(), Purpose::ALL.len());
        assert!(labels.iter().all(|label| !label.contains('\0')));
    }

    #[test]
    fn hashes_key_a_map_and_survive_the_store() {
        let (vault, _) = vault_of(1);
        let (a, b) = (vault.mac(Purpose::ApiKey, b"a"), vault.mac(Purpose::ApiKey, b"b"));
        let map = HashMap::from([(a, 1), (b, 2)]);
        let read = HashedToken::from_bytes(&a.as_bytes()[..]);
        assert_eq!(read.ok().and_then(|a| map.get(&a)), Some(&1));
        assert_eq!(map.get(&b), Some(&2));
        assert_eq!(map.get(&vault.mac(Purpose::Session, b"a")), None);
        assert!(HashedToken::from_bytes(&[0; 31]).is_err());
        assert!(HashedToken::from_bytes(&[0; 33]).is_err());
    }
}
