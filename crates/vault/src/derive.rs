//! HKDF-SHA-256 (RFC 5869): one key in, one key out for each purpose.

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use tollgate_kernel::Error;
use zeroize::Zeroizing;

/// 32 bytes of key material, wiped when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; 32]>;

/// A key that others are derived from.
#[derive(Clone)]
pub(crate) struct Derivation(Prk);

impl Derivation {
    /// The extract step. `salt` is a constant that keeps the trees of two keys apart.
    pub(crate) fn extract(salt: &'static str, key: &[u8; 32]) -> Self {
        Self(Salt::new(HKDF_SHA256, salt.as_bytes()).extract(key))
    }

    /// The expand step. `label` has no NUL and `context` comes last, so that no two different
    /// triples have the same bytes.
    pub(crate) fn key(&self, label: &str, version: u8, context: &[u8]) -> Result<KeyBytes, Error> {
        let failed = |_| Error::internal(format!("no key could be derived for {label}"));
        let info = [label.as_bytes(), &[0, version], context];
        let mut out = Zeroizing::new([0; 32]);
        self.0.expand(&info, HMAC_SHA256).and_then(|key| key.fill(&mut *out)).map_err(failed)?;
        Ok(out)
    }

    /// The same, as a key for HMAC-SHA-256 that is ready to use.
    pub(crate) fn hmac(&self, label: &str, version: u8) -> Result<hmac::Key, Error> {
        Ok(hmac::Key::new(HMAC_SHA256, &*self.key(label, version, &[])?))
    }
}

/// The first `N` of `bytes`, of which there are at least as many.
pub(crate) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
