//! Signing in with e-mail address and password.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::{Principal, Verdict};
use tollgate_kernel::{Error, Kind, Manage, Noun, PlainToken, Secret};
use tollgate_store::{AccountState, AuditEvent};

use crate::new_password::PASSWORD_MAX;
use crate::start_session::{Started, prepare, start};
use crate::state::IdentityState;

/// What somebody typed, and with what.
pub(crate) struct SignIn {
    pub(crate) email: String,
    pub(crate) password: PlainToken,
    pub(crate) agent: Option<String>,
}

/// Signs somebody in. One answer, after the same work, for an unknown address, a wrong password and
/// an account that is disabled or has no password. (An imported hash takes the work that it was
/// made with, until its person signs in.)
pub(crate) async fn sign_in(
    state: &IdentityState,
    caller: &Arc<Principal>,
    typed: SignIn,
) -> Result<Started, Error> {
    state.networks.count(Attempt::SignIn, caller)?;
    let gate = &state.gate;
    let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
    let SignIn { email, password, agent } = typed;
    if password.expose().chars().count() > PASSWORD_MAX {
        return Err(refused());
    }
    let found = gate.read(&warrant).sign_in(&email).await?;
    let stored = found.as_ref().and_then(|(_, hash)| hash.as_ref());
    let stored = stored.map(|hash| hash.expose().to_owned());
    let verdict = gate.check_password(stored, password.clone()).await?;
    let (Some((user, Some(verified))), Verdict::Right { outdated }) = (found, verdict) else {
        return Err(refused());
    };
    if user.state != AccountState::Active {
        return Err(refused());
    }
    let rehashed =
        if outdated { Some(Secret::new(gate.hash_password(password).await?)) } else { None };
    let prepared = prepare(gate, caller, user.id, agent.as_deref());
    let mut tx = gate.begin(&warrant).await?;
    // A change of the password that came while it was checked ends this sign-in too.
    if !tx.confirm_password(user.id, &verified, rehashed.as_ref()).await? {
        return Err(refused());
    }
    let started = start(&mut tx, caller, prepared).await?;
    tx.commit(AuditEvent::new("session.create", format!("user:{}", user.id))).await?;
    Ok(started)
}

fn refused() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "The e-mail address and the password do not belong together. Check both and try again.",
    )
}
