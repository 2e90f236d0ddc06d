//! Asking for the current password: before a change that lets somebody in.

use tollgate_edge::Attempt;
use tollgate_gate::{Verdict, Warrant};
use tollgate_kernel::{Error, PlainToken};
use tollgate_store::UserRecord;

use crate::check::Mistake;
use crate::new_password::PASSWORD_MAX;
use crate::state::IdentityState;

/// Refuses whoever does not know the password of `user`, where the account has one. Trying them is
/// counted like signing in.
pub(crate) async fn require_current(
    state: &IdentityState,
    warrant: &Warrant,
    user: &UserRecord,
    current: Option<PlainToken>,
) -> Result<(), Error> {
    if !user.has_password {
        return Ok(());
    }
    state.networks.count(Attempt::SignIn, warrant.principal())?;
    let current = current.ok_or(Mistake::PasswordWrong)?;
    let stored = state.gate.read(warrant).sign_in(&user.email).await?;
    let stored = stored.and_then(|(_, hash)| hash).map(|hash| hash.expose().to_owned());
    if current.expose().chars().count() > PASSWORD_MAX
        || state.gate.check_password(stored, current).await? == Verdict::Wrong
    {
        return Err(Mistake::PasswordWrong.into());
    }
    Ok(())
}
