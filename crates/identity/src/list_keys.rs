//! Looking at keys.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal, Reach, Warrant};
use tollgate_kernel::{ClientId, Error, KeyId, Manage, Noun, UserId};
use tollgate_store::{KeyFilter, KeyRecord, Owner, Page, PageRequest};

/// Which keys are asked for; what is none is not looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyQuery {
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) active: bool,
}

/// Whose rows a warrant reaches. Every query of keys and sessions names it.
pub(crate) fn owner_of(warrant: &Warrant) -> Result<Owner, Error> {
    match (warrant.reach(), warrant.principal().user()) {
        (Reach::All, _) => Ok(Owner::All),
        (Reach::Own, Some(user)) => Ok(Owner::User(user)),
        (Reach::Own, None) => Err(Error::not_found()),
    }
}

/// The same, narrowed to one person. Somebody whom the caller may not know of is not found.
pub(crate) fn owner_or(warrant: &Warrant, user: Option<UserId>) -> Result<Owner, Error> {
    match (owner_of(warrant)?, user) {
        (owner, None) => Ok(owner),
        (Owner::All, Some(user)) => Ok(Owner::User(user)),
        (Owner::User(own), Some(user)) if own == user => Ok(Owner::User(own)),
        (Owner::User(_), Some(_)) => Err(Error::not_found().with_param("user")),
    }
}

/// The keys that the caller may know of, oldest first.
pub(crate) async fn list_keys(
    gate: &Gate,
    caller: &Arc<Principal>,
    query: KeyQuery,
    request: &PageRequest,
) -> Result<Page<KeyRecord>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Keys))?;
    let owner = owner_or(&warrant, query.user)?;
    let filter = KeyFilter { client: query.client, active: query.active };
    gate.read(&warrant).keys(owner, &filter, request).await
}

/// One key that the caller may know of.
pub(crate) async fn find_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: KeyId,
) -> Result<KeyRecord, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Keys))?;
    let owner = owner_of(&warrant)?;
    gate.read(&warrant).key(owner, id).await?.ok_or_else(Error::not_found)
}
