//! Opening the vault, and the two halves it comes in.

use tollgate_kernel::Error;
use tollgate_root::Root;

use crate::derive::{Derivation, first};
use crate::mac::Macs;
use crate::master::MasterKey;
use crate::password::{self, Peppers};
use crate::seal::Keyring;

/// Hashes, seals, makes signing keys and checks passwords. It gives no secret back.
pub struct Vault {
    pub(crate) macs: Macs,
    pub(crate) peppers: Peppers,
    pub(crate) dummy_hash: String,
    pub(crate) keyring: Keyring,
    check_value: [u8; 16],
}

/// The right to open what the [`Vault`] of the same master key has sealed. There is one, and the
/// gate keeps it.
pub struct Opener {
    pub(crate) keyring: Keyring,
}

/// Derives all keys from `master`, which is wiped afterwards. Fails only when the crypto library
/// does.
pub fn unlock(_root: &Root, master: MasterKey) -> Result<(Vault, Opener), Error> {
    let tree = Derivation::extract("tollgate master key v1", master.bytes());
    let keyring = Keyring::new(&tree)?;
    let check_value = first(&*tree.key("check value", 1, &[])?);
    let vault = Vault {
        macs: Macs::new(&tree)?,
        peppers: Peppers::new(&tree)?,
        dummy_hash: password::dummy_hash(&*tree.key("dummy password", 1, &[])?)?,
        keyring: keyring.clone(),
        check_value,
    };
    Ok((vault, Opener { keyring }))
}

impl Vault {
    /// Stored at the first start and compared with [`Vault::same`] at every other, so that a wrong
    /// master key fails there and not at the first secret. It tells nothing about the key.
    pub fn check_value(&self) -> [u8; 16] {
        self.check_value
    }

    /// Whether the bytes are equal, in a time that depends on their lengths alone.
    pub fn same(a: &[u8], b: &[u8]) -> bool {
        use subtle::ConstantTimeEq as _;
        a.ct_eq(b).into()
    }
}

/// Fixed keys, for the tests of the whole crate.
#[cfg(test)]
pub(crate) mod fixture {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// The vault and opener of the master key that repeats `byte`.
    pub(crate) fn vault_of(byte: u8) -> (Vault, Opener) {
        let text = format!("{byte:02x}").repeat(32);
        unlock(&Root::new(), MasterKey::from_text(&text).unwrap()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::vault_of;
    use super::*;

    /// Computed with another implementation of HKDF.
    const CHECK_VALUE_OF_01: [u8; 16] = [
        0x7c, 0x3a, 0x50, 0x6e, 0x04, 0x1e, 0x60, 0x0e, 0xa4, 0x7d, 0x65, 0x8f, 0x1f, 0xed, 0xab,
        0xc4,
    ];

    #[test]
    fn k5_a_wrong_master_key_shows_in_the_check_value() {
        let stored = vault_of(1).0.check_value();
        assert_eq!(stored, CHECK_VALUE_OF_01);
        assert!(Vault::same(&stored, &vault_of(1).0.check_value()));
        assert!(!Vault::same(&stored, &vault_of(2).0.check_value()));
    }

    #[test]
    fn threads_share_what_is_unlocked() {
        fn shared<T: Send + Sync>() {}
        shared::<Vault>();
        shared::<Opener>();
        shared::<crate::Signer>();
        shared::<crate::PublicKey>();
    }

    #[test]
    fn same_compares_all_bytes_and_the_length() {
        assert!(Vault::same(b"", b""));
        assert!(Vault::same(b"abc", b"abc"));
        assert!(!Vault::same(b"abc", b"abd"));
        assert!(!Vault::same(b"abc", b"xbc"));
        assert!(!Vault::same(b"abc", b"abcd"));
        assert!(!Vault::same(b"abc", b""));
    }
}
