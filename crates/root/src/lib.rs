//! The one token that opens the store's writer and the vault.
//!
//! Whoever holds a [`Root`] may open everything, so only `vault` and `store`, which ask for it, and
//! `server` and `testkit`, which make it, may depend on this crate. The tidy test checks that.

/// Proof that the caller is the program's own wiring. It has no `Default` and no `Clone`.
pub struct Root(());

impl Root {
    /// Makes the token. Called once, by the wiring of a server or of a test.
    #[expect(clippy::new_without_default, reason = "a Root is made on purpose, never by default")]
    pub fn new() -> Self {
        Self(())
    }
}
