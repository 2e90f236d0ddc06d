//! Whether a new password will do. One rule for every place where one is set: sign-up, set-up,
//! links, the person's own change, and the management API.
//!
//! Length counts, not kinds of characters (NIST SP 800-63B-4, 3.1.1.2): 15 to 128 characters, not
//! among the stolen ones, not the account's own name, and hard to guess by zxcvbn's estimate.

mod breached;
mod strength;

use tollgate_gate::Gate;
use tollgate_kernel::{Error, PlainToken, Secret};

use crate::check::Mistake;
pub(crate) use strength::{Strength, Weakness};

/// The fewest characters of a password, which is the only factor so far (NIST SP 800-63B-4).
pub(crate) const PASSWORD_MIN: usize = 15;
/// The most characters of a password.
pub(crate) const PASSWORD_MAX: usize = 128;

/// What the account is called: a password that is little else is the first to be tried.
#[derive(Clone, Copy)]
pub(crate) struct Own<'a> {
    /// The e-mail address, as far as it is typed.
    pub(crate) email: &'a str,
    /// The person's name; may be empty.
    pub(crate) name: &'a str,
}

/// What the management API wants an account's password to be.
pub(crate) enum Wished {
    /// A new one.
    Clear(PlainToken),
    /// The one that a person has elsewhere, as bcrypt hashed it there.
    Hashed(Secret),
}

impl Wished {
    /// What the members `password` and `password_hash` say. Both at once are an invalid request.
    pub(crate) fn of(
        password: Option<Secret>,
        hash: Option<Secret>,
    ) -> Result<Option<Self>, Error> {
        match (password, hash) {
            (Some(_), Some(_)) => {
                let detail = "A password and a hash of one exclude each other. Send one of them.";
                Err(Error::invalid(detail).with_param("password_hash"))
            }
            (Some(password), None) => {
                Ok(Some(Self::Clear(PlainToken::new(password.expose().to_owned()))))
            }
            (None, hash) => Ok(hash.map(Self::Hashed)),
        }
    }

    /// The text to store. A password that will not do is an invalid request; what is hashed already
    /// nobody can look at, and it goes on counting as it did elsewhere.
    pub(crate) async fn stored(self, gate: &Gate, own: Own<'_>) -> Result<Secret, Error> {
        match self {
            Self::Clear(password) => {
                require_good(&password, own).await?;
                Ok(Secret::new(gate.hash_password(password).await?))
            }
            Self::Hashed(hash) => gate.import_password(&hash),
        }
    }
}

/// What is wrong with a new password for this account, if anything is: the first of it. All
/// characters count, blanks too.
pub(crate) async fn mistake_in(
    password: &PlainToken,
    own: Own<'_>,
) -> Result<Option<Mistake>, Error> {
    match plain_mistake(password.expose(), own) {
        Some(mistake) => Ok(Some(mistake)),
        None => Ok(Strength::of(password, own).await?.mistake()),
    }
}

/// Refuses a new password that will not do.
pub(crate) async fn require_good(password: &PlainToken, own: Own<'_>) -> Result<(), Error> {
    mistake_in(password, own).await?.map_or(Ok(()), |mistake| Err(mistake.into()))
}

/// What is wrong with it and shows without an estimate.
pub(crate) fn plain_mistake(password: &str, own: Own<'_>) -> Option<Mistake> {
    let chars = password.chars().count();
    if chars > PASSWORD_MAX {
        return Some(Mistake::PasswordLong);
    }
    // Before the length: most of the stolen ones are short, and a longer one like it is no better.
    if breached::is_known(password) {
        return Some(Mistake::PasswordBreached);
    }
    if chars < PASSWORD_MIN {
        return Some(Mistake::PasswordShort);
    }
    is_similar(password, own).then_some(Mistake::PasswordSimilar)
}

/// Whether little is left of `password` without the parts of what the account is called.
fn is_similar(password: &str, own: Own<'_>) -> bool {
    const LEFT_MIN: usize = 8;
    let mut rest = password.to_lowercase();
    let mut named = false;
    for part in own.parts() {
        named |= rest.contains(&part);
        rest = rest.replace(&part, "");
    }
    named && rest.chars().filter(|c| c.is_alphanumeric()).count() < LEFT_MIN
}

impl Own<'_> {
    /// The words that address and name are made of, in small letters, the longest first.
    fn parts(self) -> Vec<String> {
        let whole = format!("{} {}", self.email, self.name).to_lowercase();
        let words = whole.split(|c: char| !c.is_alphanumeric());
        let mut parts: Vec<String> =
            words.filter(|word| word.chars().count() >= 3).map(str::to_owned).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts
    }
}

#[cfg(test)]
mod tests;
