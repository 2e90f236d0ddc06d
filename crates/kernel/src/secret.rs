//! Values that must not be printed. Neither type has `Debug`, `Display` or `Serialize`.
//!
//! Nor can they be compared by `==`, whose time tells how far a guess agrees: what is looked up or
//! compared is a keyed hash.
//!
//! ```
//! fn t91_compared<T: PartialEq>() {}
//! t91_compared::<tollgate_kernel::Slug>();
//! ```
//! ```compile_fail
//! fn t91_compared<T: PartialEq>() {}
//! t91_compared::<tollgate_kernel::Secret>();
//! ```
//! ```compile_fail
//! fn t91_compared<T: PartialEq>() {}
//! t91_compared::<tollgate_kernel::PlainToken>();
//! ```

use zeroize::Zeroizing;

/// A secret that we keep to use it again: a provider's key, a client secret from the configuration.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `value`; its memory is wiped when the last copy goes.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Every call of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A token in clear: just made and shown once, or just presented and about to be checked.
#[derive(Clone)]
pub struct PlainToken(Zeroizing<String>);

impl PlainToken {
    /// Wraps a token in clear.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last characters, for people to tell tokens apart: 8 of a token of at least 32, else
    /// none.
    pub fn tail(&self) -> String {
        let chars = self.0.chars().count();
        if chars < 32 {
            return String::new();
        }
        self.0.chars().skip(chars - 8).collect()
    }
}
