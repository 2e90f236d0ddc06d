//! Saying what a password is worth while it is typed.

use tollgate_kernel::{Error, PlainToken};

use crate::check::Mistake;
use crate::new_password::{Own, Strength, plain_mistake};
use crate::state::IdentityState;

/// The best score that is told of a password that will be refused.
const REFUSED_MAX: u8 = 2;

/// What a password is worth.
pub(crate) struct Rated {
    /// 0 to 4.
    pub(crate) score: u8,
    /// Why it will be refused, if it will.
    pub(crate) wrong: Option<Mistake>,
}

/// Rates a password by the rule that decides when it is set. Estimates that are made only to be
/// shown take turns: whoever types waits, whoever signs in does not.
pub(crate) async fn rate_password(
    state: &IdentityState,
    password: &PlainToken,
    own: Own<'_>,
) -> Result<Rated, Error> {
    let plain = plain_mistake(password.expose(), own);
    if plain == Some(Mistake::PasswordLong) {
        return Ok(Rated { score: 0, wrong: plain });
    }
    let _turn = state.estimates.acquire().await.map_err(Error::internal)?;
    let strength = Strength::of(password, own).await?;
    let wrong = plain.or_else(|| strength.mistake());
    let most = if wrong.is_some() { REFUSED_MAX } else { u8::MAX };
    Ok(Rated { score: strength.score.min(most), wrong })
}
