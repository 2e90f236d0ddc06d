//! Secrets at rest: an envelope that opens at one place, with one master key.
//!
//! AES-256-GCM-SIV (RFC 8452) under a random key for each record; that key is wrapped, with the
//! same cipher, under one derived from the master key for each owner. Both layers authenticate the
//! kind of secret and its [`Place`]. The bytes of an envelope:
//!
//! ```text
//! 1   format, 1
//! 1   where the owner's key comes from: 0, derived from the master key
//! 8   which master key (a derived value, not a part of it)
//! 12  nonce of the wrap      48  the wrapped record key
//! 12  nonce of the secret    the secret, and 16 for its tag
//! ```

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use tollgate_kernel::{Error, Rng, Secret};
use zeroize::{Zeroize as _, Zeroizing};

use crate::derive::{Derivation, KeyBytes, first};
use crate::vault::{Opener, Vault};

/// Where a sealed value lives. It opens nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's key, as text.
    pub row: String,
    /// Whose it is: `installation`, or a user's id. The wrapping key is derived for the owner.
    pub owner: String,
    /// The row's version, raised by whatever changes the value, so that an old one put back does
    /// not open.
    pub version: i64,
}

/// A kind of sealed value. Only this crate can add one.
pub trait Kind: kinds::Listed {
    /// The name that is authenticated with the value. It is stable.
    const LABEL: &'static str;
}

/// A [`Kind`] that is text of others and can be opened; a signing key is not.
pub trait Text: Kind {}

/// A model provider's key.
pub enum ProviderKey {}

impl Kind for ProviderKey {
    const LABEL: &'static str = "provider key";
}

impl Text for ProviderKey {}

/// Our client secret at a sign-in provider.
pub enum SignInSecret {}

impl Kind for SignInSecret {
    const LABEL: &'static str = "sign-in secret";
}

impl Text for SignInSecret {}

/// The private half of a signing key of ours.
pub enum SigningKey {}

impl Kind for SigningKey {
    const LABEL: &'static str = "signing key";
}

/// The answer to a request that is to be done once: it may hold a key that was shown.
pub enum KeptAnswer {}

impl Kind for KeptAnswer {
    const LABEL: &'static str = "kept answer";
}

impl Text for KeptAnswer {}

/// What a sign-in with a provider needs when its browser comes back: the nonce and PKCE's verifier.
pub enum SignInUnderWay {}

impl Kind for SignInUnderWay {
    const LABEL: &'static str = "sign-in under way";
}

impl Text for SignInUnderWay {}

/// A service token, or our client secret, at somebody else's tool.
pub enum InstallSecret {}

impl Kind for InstallSecret {
    const LABEL: &'static str = "install secret";
}

impl Text for InstallSecret {}

/// A person's token at somebody else's tool.
pub enum ConnectionSecret {}

impl Kind for ConnectionSecret {
    const LABEL: &'static str = "connection secret";
}

impl Text for ConnectionSecret {}

/// What a sign-in at a tool needs when its browser comes back: PKCE's verifier.
pub enum ConnectionFlow {}

impl Kind for ConnectionFlow {
    const LABEL: &'static str = "connection under way";
}

impl Text for ConnectionFlow {}

mod kinds {
    /// Keeps [`super::Kind`] closed.
    pub trait Listed {}
    impl Listed for super::ProviderKey {}
    impl Listed for super::SignInSecret {}
    impl Listed for super::SigningKey {}
    impl Listed for super::KeptAnswer {}
    impl Listed for super::SignInUnderWay {}
    impl Listed for super::InstallSecret {}
    impl Listed for super::ConnectionSecret {}
    impl Listed for super::ConnectionFlow {}
}

/// A sealed value: bytes that tell nothing but their length.
pub struct Sealed<T>(Vec<u8>, PhantomData<fn() -> T>);

impl<T> Sealed<T> {
    /// Takes bytes from the store. Whether they are sound shows when they are opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes, PhantomData)
    }

    /// The bytes, for the store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, for the store.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl Vault {
    /// Encrypts `secret` for `place`. Fails only when the crypto library does.
    pub fn seal<T: Text>(
        &self,
        place: &Place,
        secret: &Secret,
        rng: &dyn Rng,
    ) -> Result<Sealed<T>, Error> {
        self.seal_bytes(place, secret.expose().as_bytes(), rng)
    }

    /// Whether `sealed` says that it was sealed under this vault's master key. A rotation asks this
    /// to find what is left to do; the proof is in opening.
    pub fn is_ours<T: Kind>(&self, sealed: &Sealed<T>) -> bool {
        Envelope::read(&sealed.0).is_some_and(|it| *it.head == self.keyring.head())
    }

    pub(crate) fn seal_bytes<T: Kind>(
        &self,
        place: &Place,
        secret: &[u8],
        rng: &dyn Rng,
    ) -> Result<Sealed<T>, Error> {
        let record_key = random_key(rng);
        let wrapped = self.keyring.wrap::<T>(place, &record_key, rng)?;
        let nonce = random_nonce(rng);
        let aad = secret_aad::<T>(place);
        let text = encrypt(&record_key, nonce, &aad, secret).ok_or_else(failed)?;
        let nonce = &nonce[..];
        Ok(Sealed::from_bytes([&wrapped, nonce, &text].concat()))
    }
}

impl Opener {
    /// Decrypts what was sealed for exactly this `place`, under this opener's master key. Anything
    /// else is an internal error: it means a wrong key file, a bug, or a hand in the database.
    pub fn open<T: Text>(&self, place: &Place, sealed: &Sealed<T>) -> Result<Secret, Error> {
        let mut bytes = self.open_bytes(place, sealed)?;
        let text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
            error.into_bytes().zeroize();
            refused(place, "it is not text")
        })?;
        Ok(Secret::new(text))
    }

    /// Moves `sealed` from this opener's master key to that of `to`: the record key is wrapped
    /// anew, the secret's own bytes stay. Nothing decrypted leaves this function. The errors are
    /// those of [`Opener::open`].
    pub fn rewrap<T: Kind>(
        &self,
        to: &Vault,
        place: &Place,
        sealed: &Sealed<T>,
        rng: &dyn Rng,
    ) -> Result<Sealed<T>, Error> {
        let envelope = self.keyring.read(place, sealed)?;
        let record_key = self.keyring.unwrap::<T>(place, &envelope)?;
        // A damaged value must show before its old envelope is overwritten, not after.
        decrypt(&record_key, envelope.nonce, &secret_aad::<T>(place), envelope.text)
            .ok_or_else(|| refused(place, MISPLACED))?;
        let wrapped = to.keyring.wrap::<T>(place, &record_key, rng)?;
        let (nonce, text) = (&envelope.nonce[..], envelope.text);
        Ok(Sealed::from_bytes([&wrapped, nonce, text].concat()))
    }

    pub(crate) fn open_bytes<T: Kind>(
        &self,
        place: &Place,
        sealed: &Sealed<T>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let envelope = self.keyring.read(place, sealed)?;
        let record_key = self.keyring.unwrap::<T>(place, &envelope)?;
        decrypt(&record_key, envelope.nonce, &secret_aad::<T>(place), envelope.text)
            .ok_or_else(|| refused(place, MISPLACED))
    }
}

const MISPLACED: &str = "it was moved, rolled back or damaged";

fn refused(place: &Place, why: &str) -> Error {
    let Place { table, column, row, .. } = place;
    Error::internal(format!("the sealed {table}.{column} of {row:?} does not open: {why}"))
}

fn failed() -> Error {
    Error::internal("the crypto library could not encrypt")
}

const FORMAT: u8 = 1;
const DERIVED: u8 = 0;
const HEAD_LEN: usize = 10;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = 32 + TAG_LEN;

/// What wraps record keys, shared by a vault and its opener.
#[derive(Clone)]
pub(crate) struct Keyring {
    owners: Derivation,
    key_id: [u8; 8],
}

impl Keyring {
    pub(crate) fn new(tree: &Derivation) -> Result<Self, Error> {
        let sealing = tree.key("sealing", 1, &[])?;
        Ok(Self {
            owners: Derivation::extract("tollgate sealing key v1", &sealing),
            key_id: first(&*tree.key("key id", 1, &[])?),
        })
    }

    fn head(&self) -> [u8; HEAD_LEN] {
        let [a, b, c, d, e, f, g, h] = self.key_id;
        [FORMAT, DERIVED, a, b, c, d, e, f, g, h]
    }

    fn owner_key(&self, owner: &str) -> Result<KeyBytes, Error> {
        self.owners.key("owner", 1, owner.as_bytes())
    }

    /// The first part of an envelope: head, nonce, wrapped key.
    fn wrap<T: Kind>(
        &self,
        place: &Place,
        record_key: &KeyBytes,
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        let (head, nonce) = (self.head(), random_nonce(rng));
        let aad = aad::<T>("record key", &head, place);
        let wrapped = encrypt(&self.owner_key(&place.owner)?, nonce, &aad, &record_key[..])
            .ok_or_else(failed)?;
        Ok([&head[..], &nonce, &wrapped].concat())
    }

    fn unwrap<T: Kind>(&self, place: &Place, envelope: &Envelope<'_>) -> Result<KeyBytes, Error> {
        let aad = aad::<T>("record key", envelope.head, place);
        let key = self.owner_key(&place.owner)?;
        decrypt(&key, envelope.wrap_nonce, &aad, envelope.wrapped)
            .map(|bytes| Zeroizing::new(first(&bytes)))
            .ok_or_else(|| refused(place, MISPLACED))
    }

    fn read<'a, T>(&self, place: &Place, sealed: &'a Sealed<T>) -> Result<Envelope<'a>, Error> {
        let envelope = Envelope::read(&sealed.0)
            .ok_or_else(|| refused(place, "it is not an envelope of a known format"))?;
        if *envelope.head == self.head() {
            return Ok(envelope);
        }
        Err(refused(place, "it was sealed under another master key"))
    }
}

/// An envelope taken apart.
struct Envelope<'a> {
    head: &'a [u8; HEAD_LEN],
    wrap_nonce: &'a [u8; NONCE_LEN],
    wrapped: &'a [u8; WRAPPED_LEN],
    nonce: &'a [u8; NONCE_LEN],
    text: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
        let (wrap_nonce, rest) = rest.split_first_chunk()?;
        let (wrapped, rest) = rest.split_first_chunk()?;
        let (nonce, text) = rest.split_first_chunk()?;
        let known = matches!(head, [FORMAT, DERIVED, ..]) && text.len() >= TAG_LEN;
        known.then_some(Self { head, wrap_nonce, wrapped, nonce, text })
    }
}

/// The secret's own layer does not name the master key, so that a rewrap need not touch it.
fn secret_aad<T: Kind>(place: &Place) -> Vec<u8> {
    aad::<T>("secret", &[FORMAT], place)
}

/// Every part with its length before it, so that no two places have the same bytes.
fn aad<T: Kind>(layer: &str, head: &[u8], place: &Place) -> Vec<u8> {
    let Place { table, column, row, owner, version } = place;
    let texts = [layer, T::LABEL, table, column, row, owner];
    let mut out = Vec::with_capacity(128);
    for part in texts.map(str::as_bytes).into_iter().chain([head]) {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&version.to_be_bytes());
    out
}

fn random_key(rng: &dyn Rng) -> KeyBytes {
    let mut key = Zeroizing::new([0; 32]);
    rng.fill(&mut *key);
    key
}

fn random_nonce(rng: &dyn Rng) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    rng.fill(&mut nonce);
    nonce
}

fn cipher(key: &KeyBytes) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM_SIV, &key[..]).ok().map(LessSafeKey::new)
}

fn encrypt(key: &KeyBytes, nonce: [u8; NONCE_LEN], aad: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    // Room for the tag from the start: a buffer that moved would leave the plaintext behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() + TAG_LEN));
    buffer.extend_from_slice(text);
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher(key)?.seal_in_place_append_tag(nonce, Aad::from(aad), &mut *buffer).ok()?;
    Some(std::mem::take(&mut *buffer))
}

fn decrypt(
    key: &KeyBytes,
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    text: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let len = cipher(key)?.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
    buffer.truncate(len);
    Some(buffer)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
