//! Passwords that were hashed elsewhere: bcrypt, verified once and then hashed anew by our scheme.
//!
//! What is stored is `b1$<cost>$<salt>$<keyed hash of the digest>`. The digest itself is not kept:
//! like our own hashes, an imported one is worth nothing without the pepper.
//!
//! bcrypt sees 72 bytes, a NUL that ends the password among them, and so does the verification: a
//! longer password is right when its first 72 bytes are. From then on all of it counts.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tollgate_kernel::{Error, Secret};
use zeroize::Zeroizing;

use super::scheme::Peppers;

/// The highest cost that is taken: some half a second of one core. Each step doubles it, so that 31
/// would hold one of the few places where passwords are checked for more than a day.
const COST_MAX: u32 = 13;
/// The lowest cost that bcrypt knows.
const COST_MIN: u32 = 4;
/// What bcrypt sees of a password.
const SEEN_BYTES: usize = 72;
const SALT_LEN: usize = 16;
/// bcrypt computes a byte more, which nobody stores.
const DIGEST_LEN: usize = 23;

const NAME: &str = "b1$";

/// Salts that others wrote may have stray bits in their last character.
const CODE: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A bcrypt hash in the form that we keep.
pub(super) struct Imported {
    cost: u32,
    salt: [u8; SALT_LEN],
    proof: Vec<u8>,
}

impl Imported {
    /// Reads `$2b$<cost>$<salt><digest>`; `$2a$` and `$2y$` are the same thing.
    pub(super) fn take(hash: &Secret, peppers: &Peppers) -> Result<Self, Error> {
        let (cost, rest) = split(hash.expose()).ok_or_else(unknown)?;
        if cost > COST_MAX {
            return Err(refused(format!(
                "The bcrypt hash has cost {cost}. Costs up to {COST_MAX} are taken; send an \
                 invitation instead."
            )));
        }
        if cost < COST_MIN || rest.len() != 53 {
            return Err(unknown());
        }
        let (salt, digest) = rest.split_at_checked(22).ok_or_else(unknown)?;
        let digest = Zeroizing::new(CODE.decode(digest).map_err(|_| unknown())?);
        if digest.len() != DIGEST_LEN {
            return Err(unknown());
        }
        let proof = hmac::sign(&peppers.imported, &digest).as_ref().to_vec();
        Ok(Self { cost, salt: salt_of(salt).ok_or_else(unknown)?, proof })
    }

    /// The text to store.
    pub(super) fn text(&self) -> String {
        let Self { cost, salt, proof } = self;
        format!("{NAME}{cost:02}${}${}", CODE.encode(salt), CODE.encode(proof))
    }

    /// Reads a stored text; `None` for one of our own schemes.
    pub(super) fn read(stored: &str) -> Option<Result<Self, Error>> {
        let rest = stored.strip_prefix(NAME)?;
        let read = || {
            let mut parts = rest.split('$');
            let (cost, salt, proof) = (parts.next()?, parts.next()?, parts.next()?);
            let cost = cost_of(cost).filter(|cost| (COST_MIN..=COST_MAX).contains(cost))?;
            let proof = CODE.decode(proof).ok().filter(|proof| proof.len() == 32)?;
            let salt = salt_of(salt)?;
            parts.next().is_none().then_some(Self { cost, salt, proof })
        };
        Some(read().ok_or_else(super::malformed))
    }

    /// Whether `typed` is the password. Takes as long as the cost says.
    pub(super) fn verify(&self, peppers: &Peppers, typed: &str) -> bool {
        // Elsewhere a NUL ended the password, so none can have one.
        if typed.bytes().any(|byte| byte == 0) {
            return false;
        }
        let mut seen = Zeroizing::new([0; SEEN_BYTES]);
        let mut length = 0;
        for (to, from) in seen.iter_mut().zip(typed.bytes().chain([0])) {
            *to = from;
            length += 1;
        }
        let seen = seen.get(..length).unwrap_or(&*seen);
        let digest = Zeroizing::new(bcrypt::bcrypt(self.cost, self.salt, seen));
        let digest = digest.get(..DIGEST_LEN).unwrap_or_default();
        hmac::verify(&peppers.imported, digest, &self.proof).is_ok()
    }
}

/// The cost, and salt and digest.
fn split(hash: &str) -> Option<(u32, &str)> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|name| hash.strip_prefix(name))?;
    let (cost, rest) = rest.split_once('$')?;
    Some((cost_of(cost)?, rest))
}

fn cost_of(text: &str) -> Option<u32> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn salt_of(text: &str) -> Option<[u8; SALT_LEN]> {
    CODE.decode(text).ok()?.try_into().ok()
}

fn unknown() -> Error {
    refused(
        "This is not a bcrypt hash: $2b$, the cost, and 53 characters. Others cannot be imported \
         yet; send an invitation instead."
            .to_owned(),
    )
}

fn refused(detail: String) -> Error {
    Error::invalid(detail).with_param("password_hash")
}
