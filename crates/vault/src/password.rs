//! Passwords: argon2id (RFC 9106) over a keyed hash of what was typed.
//!
//! The key of that hash is the pepper: without it, nobody can try passwords on a copy of the table.
//! It also makes the input of argon2 32 bytes, however long the password is.
//!
//! What is stored is `v1` and a PHC string, `v1$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`; `v1`
//! stands for the pepper's version and for the way in which the two are put together.
//!
//! The caller has normalised the password (NFC or NFKC, always the same) and bounds its length.
//! Both functions take tens of milliseconds and belong on a bounded pool, with one [`HashMemory`]
//! for each thread of it.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;
use tollgate_kernel::{Error, PlainToken, Rng};
use zeroize::{Zeroize as _, Zeroizing};

use crate::vault::Vault;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A stored hash that asks for more work than this was not written by us.
const PASSES_MAX: u32 = 10;
const LANES_MAX: u32 = 4;
const OUTPUT_LEN: usize = 32;
const SALT_LEN: usize = 16;
/// The longest password in bytes. Callers refuse more than 128 characters, which is less.
const PASSWORD_BYTES_MAX: usize = 1024;
const SCHEME: &str = "v1";

pub(crate) const PEPPER_VERSION: u8 = 1;

/// The 19 MiB that one hash works in, to be used again and again; wiped when dropped.
pub struct HashMemory(Vec<Block>);

impl HashMemory {
    /// Takes the memory from the system; an unavailable error when there is none.
    pub fn new() -> Result<Self, Error> {
        let mut blocks = Vec::new();
        let count = current()?.block_count();
        blocks.try_reserve_exact(count).map_err(Error::unavailable)?;
        blocks.resize(count, Block::new());
        Ok(Self(blocks))
    }

    fn wipe(&mut self) {
        for block in &mut self.0 {
            block.zeroize();
        }
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Whether a password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// The stored text is of an older scheme or of other parameters: hash again and store.
        outdated: bool,
    },
    /// It is not.
    Wrong,
}

impl Vault {
    /// The text to store for `password`, with a new salt from `rng`. A password of more than 1,024
    /// bytes is an invalid request.
    pub fn hash_password(
        &self,
        password: &PlainToken,
        memory: &mut HashMemory,
        rng: &dyn Rng,
    ) -> Result<String, Error> {
        let mut salt = [0; SALT_LEN];
        rng.fill(&mut salt);
        let params = current()?;
        let hash = self.argon2(password, &params, &salt, memory)?;
        text_of(&params, &salt, &hash)
    }

    /// Checks `password` against what [`Vault::hash_password`] gave. Text that it did not give is
    /// an internal error; a password of more than 1,024 bytes is an invalid request.
    pub fn verify_password(
        &self,
        stored: &str,
        password: &PlainToken,
        memory: &mut HashMemory,
    ) -> Result<Verdict, Error> {
        let Stored { params, salt, hash } = Stored::read(stored)?;
        let found = self.argon2(password, &params, &salt, memory)?;
        if !bool::from(found.ct_eq(hash.as_bytes())) {
            return Ok(Verdict::Wrong);
        }
        let outdated = params != current()? || salt.len() != SALT_LEN;
        Ok(Verdict::Right { outdated })
    }

    /// A text that takes as long to verify as a real one and that no password fits: for the sign-in
    /// of somebody who does not exist.
    pub fn dummy_hash(&self) -> &str {
        &self.dummy_hash
    }

    fn argon2(
        &self,
        password: &PlainToken,
        params: &Params,
        salt: &[u8],
        memory: &mut HashMemory,
    ) -> Result<Zeroizing<[u8; OUTPUT_LEN]>, Error> {
        let password = password.expose().as_bytes();
        if password.len() > PASSWORD_BYTES_MAX {
            let detail = "The password is too long: 128 characters are the most.";
            return Err(Error::invalid(detail).with_param("password"));
        }
        let peppered = hmac::sign(&self.pepper, password);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut out = Zeroizing::new([0; OUTPUT_LEN]);
        let blocks = &mut memory.0;
        argon2
            .hash_password_into_with_memory(peppered.as_ref(), salt, &mut *out, blocks)
            .map_err(Error::internal)?;
        Ok(out)
    }
}

/// A hash that belongs to no password: its output is `key`, which nobody knows.
pub(crate) fn dummy_hash(key: &[u8; 32]) -> Result<String, Error> {
    text_of(&current()?, &[0; SALT_LEN], key)
}

/// The parameters of new hashes.
fn current() -> Result<Params, Error> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_LEN)).map_err(Error::internal)
}

fn text_of(params: &Params, salt: &[u8], hash: &[u8; OUTPUT_LEN]) -> Result<String, Error> {
    let phc = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(Error::internal)?,
        salt: Some(Salt::new(salt).map_err(Error::internal)?),
        hash: Some(Output::new(hash).map_err(Error::internal)?),
    };
    Ok(format!("{SCHEME}{phc}"))
}

/// A stored text, taken apart.
struct Stored {
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Stored {
    fn read(text: &str) -> Result<Self, Error> {
        let malformed = || Error::internal("a stored password hash is malformed");
        let phc = text.strip_prefix(SCHEME).ok_or_else(malformed)?;
        let phc = PasswordHash::new(phc).map_err(|_| malformed())?;
        let params = Params::try_from(&phc).map_err(|_| malformed())?;
        let ours = phc.algorithm == ARGON2ID_IDENT
            && phc.version == Some(Version::V0x13.into())
            && params.m_cost() <= MEMORY_KIB
            && params.t_cost() <= PASSES_MAX
            && params.p_cost() <= LANES_MAX
            && params.output_len() == Some(OUTPUT_LEN);
        match (phc.salt, phc.hash) {
            (Some(salt), Some(hash)) if ours => Ok(Self { params, salt, hash }),
            _ => Err(malformed()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::vault::fixture::vault_of;
    use tollgate_kernel::{Kind, SeededRng};

    const PASSWORD: &str = "correct horse battery staple";
    /// Made by another implementation of HKDF, HMAC and argon2id: master key 0101…01, salt 55…55.
    const KNOWN: &str = "v1$argon2id$v=19$m=19456,t=2,p=1$\
        VVVVVVVVVVVVVVVVVVVVVQ$StYx2NrDprl8BiIbLRIfdPNkgGhciI7TVFLWxBvIsms";
    /// The same with m=8192, t=1.
    const KNOWN_WEAK: &str = "v1$argon2id$v=19$m=8192,t=1,p=1$\
        VVVVVVVVVVVVVVVVVVVVVQ$Om+5EDh+bTYLgqCXW7xKNREB5+3e4kRSBidlNm6oCJs";

    fn plain(text: &str) -> PlainToken {
        PlainToken::new(text.to_owned())
    }

    fn verify(vault: &Vault, stored: &str, password: &str) -> Result<Verdict, Kind> {
        let mut memory = HashMemory::new().unwrap();
        let verdict = vault.verify_password(stored, &plain(password), &mut memory);
        verdict.map_err(|error| error.kind())
    }

    #[test]
    fn a_hash_made_by_another_implementation_verifies() {
        let (vault, _) = vault_of(1);
        assert_eq!(verify(&vault, KNOWN, PASSWORD), Ok(Verdict::Right { outdated: false }));
        assert_eq!(verify(&vault, KNOWN_WEAK, PASSWORD), Ok(Verdict::Right { outdated: true }));
        assert_eq!(verify(&vault, KNOWN_WEAK, "Correct horse"), Ok(Verdict::Wrong));
    }

    #[test]
    fn the_stored_text_is_the_scheme_and_a_phc_string() {
        struct Fives;
        impl Rng for Fives {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0x55);
            }
        }
        let mut memory = HashMemory::new().unwrap();
        let text = vault_of(1).0.hash_password(&plain(PASSWORD), &mut memory, &Fives);
        assert_eq!(text.unwrap(), KNOWN);
    }

    #[test]
    fn memory_is_used_again_and_the_whole_password_counts() {
        let ((vault, _), rng) = (vault_of(1), SeededRng::new(1));
        let mut memory = HashMemory::new().unwrap();
        let long = "ä".repeat(128);
        let a = vault.hash_password(&plain(&long), &mut memory, &rng).unwrap();
        let b = vault.hash_password(&plain(&long), &mut memory, &rng).unwrap();
        assert_ne!(a, b, "a new salt for each");
        assert!(!a.contains("ä") && a.starts_with("v1$argon2id$v=19$m=19456,t=2,p=1$"));
        let right = Verdict::Right { outdated: false };
        for stored in [&a, &b] {
            let mut check = |text: &str| vault.verify_password(stored, &plain(text), &mut memory);
            assert_eq!(check(&long).unwrap(), right);
            assert_eq!(check(&long[2..]).unwrap(), Verdict::Wrong);
            assert_eq!(check(&format!("{long} ")).unwrap(), Verdict::Wrong);
        }
    }

    #[test]
    fn k2_a_copy_of_the_table_is_worth_nothing_without_the_pepper() {
        assert_eq!(verify(&vault_of(2).0, KNOWN, PASSWORD), Ok(Verdict::Wrong));
        let stored = Stored::read(KNOWN).unwrap();
        let plain_argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, current().unwrap());
        let mut out = [0; OUTPUT_LEN];
        plain_argon2.hash_password_into(PASSWORD.as_bytes(), &stored.salt, &mut out).unwrap();
        assert_ne!(out, stored.hash.as_bytes());
    }

    #[test]
    fn t60_the_dummy_costs_what_a_real_hash_costs_and_fits_nothing() {
        let (vault, _) = vault_of(1);
        let (dummy, real) = (Stored::read(vault.dummy_hash()), Stored::read(KNOWN));
        let (dummy, real) = (dummy.unwrap(), real.unwrap());
        assert_eq!(dummy.params, real.params);
        assert_eq!(dummy.salt.len(), real.salt.len());
        assert_eq!(verify(&vault, vault.dummy_hash(), PASSWORD), Ok(Verdict::Wrong));
        assert_eq!(verify(&vault, vault.dummy_hash(), ""), Ok(Verdict::Wrong));
        assert_ne!(vault.dummy_hash(), vault_of(2).0.dummy_hash());
    }

    #[test]
    fn t63_more_than_a_kibibyte_is_refused_before_any_work() {
        let ((vault, _), rng) = (vault_of(1), SeededRng::new(1));
        // With no memory at all, whatever reaches argon2 is an internal error.
        let mut none = HashMemory(Vec::new());
        let kind = |len: usize, memory: &mut HashMemory| {
            let password = plain(&"x".repeat(len));
            let hashed = vault.hash_password(&password, memory, &rng).err().unwrap();
            let verified = vault.verify_password(KNOWN, &password, memory).err().unwrap();
            assert_eq!(hashed.kind(), verified.kind());
            hashed.kind()
        };
        assert_eq!(kind(1025, &mut none), Kind::InvalidRequest);
        assert_eq!(kind(1024, &mut none), Kind::Internal);
    }

    #[test]
    fn memory_is_wiped() {
        let mut memory = HashMemory::new().unwrap();
        let used = |memory: &HashMemory| {
            memory.0.iter().any(|block| block.as_ref().iter().any(|word| *word != 0))
        };
        assert!(!used(&memory));
        vault_of(1).0.verify_password(KNOWN_WEAK, &plain(PASSWORD), &mut memory).unwrap();
        assert!(used(&memory));
        memory.wipe();
        assert!(!used(&memory));
    }

    #[test]
    fn t63_malformed_or_monstrous_stored_text_is_our_fault_and_costs_nothing() {
        let changes = [
            ("v1$", "$"),
            ("v1$", "v2$"),
            ("v1$", "v1$$"),
            ("argon2id", "argon2i"),
            ("argon2id", "argon2d"),
            ("argon2id", "scrypt"),
            ("v=19$", "v=16$"),
            ("v=19$", ""),
            ("m=19456", "m=19457"),
            ("m=19456", "m=4294967295"),
            ("m=19456", "m=0"),
            ("t=2", "t=11"),
            ("t=2", "t=0"),
            ("p=1", "p=5"),
            ("p=1", "p=x"),
        ];
        let mut texts: Vec<_> = changes.map(|(from, to)| KNOWN.replacen(from, to, 1)).into();
        assert!(texts.iter().all(|text| text != KNOWN));
        texts.extend((0..KNOWN.len()).map(|at| KNOWN[..at].to_owned()));
        texts.push(format!("{KNOWN}$more"));
        texts.push("v1ä$".to_owned());
        // Without memory: a text that got as far as argon2 would fail too, but say something else.
        let (vault, _) = vault_of(1);
        let mut none = HashMemory(Vec::new());
        for text in texts {
            let error = vault.verify_password(&text, &plain(PASSWORD), &mut none).err().unwrap();
            assert_eq!(error.kind(), Kind::Internal);
            assert!(error.cause().unwrap().contains("malformed"), "{text:?}: {error:?}");
        }
    }
}
