//! Passwords: argon2id (RFC 9106) over a keyed hash of what was typed.
//!
//! The key of that hash is the pepper: without it, nobody can try passwords on a copy of the table.
//! It also makes the input of argon2 32 bytes, however long the password is.
//!
//! What is stored is the name of a [`Scheme`] and a PHC string,
//! `v2$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`; or, until its person signs in, an [`Imported`]
//! hash. What is right and not in the current scheme is to be hashed again.
//!
//! The caller bounds the length of a password. Hashing and checking take tens of milliseconds, an
//! imported hash up to a second: they belong on a bounded pool, with one [`HashMemory`] for each
//! thread of it.

mod imported;
mod scheme;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use tollgate_kernel::{Error, PlainToken, Rng, Secret};
use zeroize::{Zeroize as _, Zeroizing};

use crate::vault::Vault;
use imported::Imported;
pub(crate) use scheme::Peppers;
use scheme::Scheme;

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
        let hash = self.argon2(Scheme::CURRENT, password, (&params, &salt), memory)?;
        text_of(&params, &salt, &hash)
    }

    /// The text to store for a password that was hashed elsewhere, by bcrypt. Whether that is the
    /// hash of any password shows when its person signs in. Another hash, or one of a cost above
    /// 13, is an invalid request.
    pub fn import_password(&self, hash: &Secret) -> Result<String, Error> {
        Ok(Imported::take(hash, &self.peppers)?.text())
    }

    /// Whether `stored` was hashed elsewhere: checking it takes as long as whoever hashed it chose.
    pub fn is_imported(stored: &str) -> bool {
        Imported::read(stored).is_some()
    }

    /// Checks `password` against what [`Vault::hash_password`] or [`Vault::import_password`] gave.
    /// Text that neither gave is an internal error; a password of more than 1,024 bytes is an
    /// invalid request.
    pub fn verify_password(
        &self,
        stored: &str,
        password: &PlainToken,
        memory: &mut HashMemory,
    ) -> Result<Verdict, Error> {
        let typed = typed(password)?;
        if let Some(imported) = Imported::read(stored) {
            let right = imported?.verify(&self.peppers, typed);
            return Ok(if right { Verdict::Right { outdated: true } } else { Verdict::Wrong });
        }
        let Stored { scheme, params, salt, hash } = Stored::read(stored)?;
        let found = self.argon2(scheme, password, (&params, &salt), memory)?;
        if !bool::from(found.ct_eq(hash.as_bytes())) {
            return Ok(Verdict::Wrong);
        }
        let outdated = scheme != Scheme::CURRENT || params != current()? || salt.len() != SALT_LEN;
        Ok(Verdict::Right { outdated })
    }

    /// A text that takes as long to verify as a real one and that no password fits: for the sign-in
    /// of somebody who does not exist.
    pub fn dummy_hash(&self) -> &str {
        &self.dummy_hash
    }

    fn argon2(
        &self,
        scheme: Scheme,
        password: &PlainToken,
        (params, salt): (&Params, &[u8]),
        memory: &mut HashMemory,
    ) -> Result<Zeroizing<[u8; OUTPUT_LEN]>, Error> {
        let peppered = self.peppers.apply(scheme, typed(password)?);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut out = Zeroizing::new([0; OUTPUT_LEN]);
        let blocks = &mut memory.0;
        argon2
            .hash_password_into_with_memory(peppered.as_ref(), salt, &mut *out, blocks)
            .map_err(Error::internal)?;
        Ok(out)
    }
}

/// What was typed, if it is not too long to be looked at.
fn typed(password: &PlainToken) -> Result<&str, Error> {
    if password.expose().len() > PASSWORD_BYTES_MAX {
        let detail = "The password is too long: 128 characters are the most.";
        return Err(Error::invalid(detail).with_param("password"));
    }
    Ok(password.expose())
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
    Ok(format!("{}{phc}", Scheme::CURRENT.name()))
}

/// A stored text, taken apart.
struct Stored {
    scheme: Scheme,
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Stored {
    fn read(text: &str) -> Result<Self, Error> {
        let (scheme, phc) = Scheme::split(text).ok_or_else(malformed)?;
        let phc = PasswordHash::new(phc).map_err(|_| malformed())?;
        let params = Params::try_from(&phc).map_err(|_| malformed())?;
        let ours = phc.algorithm == ARGON2ID_IDENT
            && phc.version == Some(Version::V0x13.into())
            && params.m_cost() <= MEMORY_KIB
            && params.t_cost() <= PASSES_MAX
            && params.p_cost() <= LANES_MAX
            && params.output_len() == Some(OUTPUT_LEN);
        match (phc.salt, phc.hash) {
            (Some(salt), Some(hash)) if ours => Ok(Self { scheme, params, salt, hash }),
            _ => Err(malformed()),
        }
    }
}

fn malformed() -> Error {
    Error::internal("a stored password hash is malformed")
}

#[cfg(test)]
mod tests;
