//! Looking at linked accounts at providers, and unlinking them.

use std::sync::Arc;

use tollgate_gate::{AccountChange, Gate, Principal};
use tollgate_kernel::{Error, IdentityId, Manage, Noun, UserId};
use tollgate_store::{AuditEvent, IdentityRecord, Owner, Page, PageRequest};

use crate::list_keys::{owner_of, owner_or};

/// The linked accounts that the caller may know of, oldest first.
pub(crate) async fn list_identities(
    gate: &Gate,
    caller: &Arc<Principal>,
    user: Option<UserId>,
    request: &PageRequest,
) -> Result<Page<IdentityRecord>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Identities))?;
    let owner = owner_or(&warrant, user)?;
    gate.read(&warrant).identities(owner, request).await
}

/// Unlinks an account that the caller may know of. A conflict where it is the last way in. One of
/// an owner's is the owners' affair.
pub(crate) async fn unlink_identity(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: IdentityId,
) -> Result<(), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Identities))?;
    let owner = owner_of(&warrant)?;
    let reader = gate.read(&warrant);
    let known = reader.identity_by_id(owner, id).await?.ok_or_else(Error::not_found)?;
    if caller.user() != Some(known.user) {
        let person = reader.user(Owner::All, known.user).await?.ok_or_else(Error::not_found)?;
        let change = AccountChange { way_in: true, ..AccountChange::default() };
        gate.require_right_over(&warrant, &person, change).await?;
    }
    let mut tx = gate.begin(&warrant).await?;
    let gone = tx.delete_identity(owner, id).await?;
    tx.commit(AuditEvent::new("identity.unlink", format!("user:{}", gone.user))).await
}
