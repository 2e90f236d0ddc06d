//! The schemes that stored passwords are in.
//!
//! A scheme is what happens between what was typed and the text that is stored: the normal form,
//! the version of the pepper, the algorithm and its parameters. Its name begins the stored text,
//! and a name never changes its meaning: what is to be different from some day on gets the next
//! one, and everybody's hash is made anew when they sign in. A scheme can go once nobody's hash is
//! in it.

use aws_lc_rs::hmac;
use tollgate_kernel::Error;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use zeroize::Zeroizing;

use crate::derive::Derivation;

/// A way from a password to the text that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// argon2id over a hash keyed with pepper 1, of the bytes as they were typed.
    V1,
    /// argon2id over a hash keyed with pepper 2, of the password in Unicode's normal form C (RFC
    /// 8265, 4.2.2): keyboards that compose letters differently give the same password.
    V2,
}

impl Scheme {
    /// The one that new hashes are in.
    pub(super) const CURRENT: Self = Self::V2;

    const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// What the stored text begins with.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The scheme that a stored text begins with, and the rest of it.
    pub(super) fn split(stored: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|scheme| Some((scheme, stored.strip_prefix(scheme.name())?)))
    }

    /// What is hashed of `typed`.
    fn normal(self, typed: &str) -> Normal<'_> {
        match self {
            Self::V1 => Normal::Typed(typed),
            Self::V2 if is_nfc_quick(typed.chars()) == IsNormalized::Yes => Normal::Typed(typed),
            Self::V2 => {
                // No text grows by more than this in form C: nothing is left in memory by moving.
                let mut normal = Zeroizing::new(String::with_capacity(typed.len() * 3));
                normal.extend(typed.nfc());
                Normal::Made(normal)
            }
        }
    }
}

/// A password in the form that is hashed.
enum Normal<'a> {
    Typed(&'a str),
    Made(Zeroizing<String>),
}

impl Normal<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Typed(text) => text.as_bytes(),
            Self::Made(text) => text.as_bytes(),
        }
    }
}

/// The keys of all schemes.
pub(crate) struct Peppers {
    first: hmac::Key,
    second: hmac::Key,
    pub(super) imported: hmac::Key,
}

impl Peppers {
    pub(crate) fn new(tree: &Derivation) -> Result<Self, Error> {
        Ok(Self {
            first: tree.hmac("password", 1)?,
            second: tree.hmac("password", 2)?,
            imported: tree.hmac("imported password", 1)?,
        })
    }

    /// The keyed hash that argon2 works on.
    pub(super) fn apply(&self, scheme: Scheme, typed: &str) -> hmac::Tag {
        let key = match scheme {
            Scheme::V1 => &self.first,
            Scheme::V2 => &self.second,
        };
        hmac::sign(key, scheme.normal(typed).as_bytes())
    }
}
