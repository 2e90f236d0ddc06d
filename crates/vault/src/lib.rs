//! Keys: the master key, what is derived from it, and everything that is done with secrets.
//!
//! What each part promises:
//!
//! - [`unlock`] turns the master key into a [`Vault`] and an [`Opener`]. It asks for a `Root`, so
//!   only the program's own wiring can do it.
//! - [`Vault::mac`] hashes what we check (keys, session cookies, one-time links) with a key that
//!   is not in the database: a copy of the tables checks nothing, and a row written into them by
//!   hand matches nothing.
//! - [`Vault::seal`] encrypts what we must use again. The ciphertext belongs to one [`Place`];
//!   moved to another row, column or owner, or put back after an update, it does not open.
//! - [`Opener::open`] is the one function that gives a secret back, and only for kinds that are
//!   [`Text`]. An `Opener` of another master key opens nothing.
//! - [`Opener::rewrap`] moves a sealed value to another master key; no secret is returned.
//! - [`Vault::generate_signing_key`] and [`Opener::signer`] make and use signing keys. A
//!   [`Signer`] signs, and does not give its key away.
//! - [`Vault::hash_password`] and [`Vault::verify_password`] are argon2id over a keyed hash, in
//!   schemes with versions; [`Vault::import_password`] takes what bcrypt hashed elsewhere.
//! - [`is_signed_by`] checks signatures of others with their public keys.
//! - [`SystemRng`] is the machine's randomness.
//!
//! What holds a secret wipes it when it is dropped, and has no `Debug`:
//!
//! ```
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<tollgate_vault::PublicKey>();
//! ```
//! ```compile_fail
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<tollgate_vault::MasterKey>();
//! ```
//! ```compile_fail
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<tollgate_vault::Vault>();
//! ```
//! ```compile_fail
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<tollgate_vault::Opener>();
//! ```
//! ```compile_fail
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<tollgate_vault::Signer>();
//! ```
//!
//! A keyed hash is compared in constant time; what it is a hash of, and the master key, not at all:
//!
//! ```
//! fn t91_compared<T: PartialEq>() {}
//! t91_compared::<tollgate_vault::HashedToken>();
//! ```
//! ```compile_fail
//! fn t91_compared<T: PartialEq>() {}
//! t91_compared::<tollgate_vault::MasterKey>();
//! ```
//!
//! A signing key can be used, never opened:
//!
//! ```
//! use tollgate_vault::{Opener, Place, ProviderKey, Sealed};
//! fn read(opener: &Opener, place: &Place, sealed: &Sealed<ProviderKey>) -> bool {
//!     opener.open(place, sealed).is_ok()
//! }
//! ```
//! ```compile_fail
//! use tollgate_vault::{Opener, Place, Sealed, SigningKey};
//! fn read(opener: &Opener, place: &Place, sealed: &Sealed<SigningKey>) -> bool {
//!     opener.open(place, sealed).is_ok()
//! }
//! ```

mod derive;
mod foreign;
mod mac;
mod master;
mod password;
mod rng;
mod seal;
mod sign;
mod sign_rsa;
mod vault;

pub use foreign::{half_hash, is_signed_by, pkce_challenge};
pub use mac::{HashedToken, Purpose};
pub use master::MasterKey;
pub use password::{HashMemory, Verdict};
pub use rng::{BufferedRng, SystemRng};
pub use seal::{
    ConnectionFlow, ConnectionSecret, InstallSecret, KeptAnswer, Kind, Place, ProviderKey, Sealed,
    SignInSecret, SignInUnderWay, SigningKey, Text,
};
pub use sign::{PublicKey, Signer};
pub use sign_rsa::{RsaPublicKey, RsaSigner};
pub use vault::{Opener, Vault, unlock};
