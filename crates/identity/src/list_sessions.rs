//! Looking at signed-in browsers.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, UserId};
use tollgate_store::{Page, PageRequest, SessionRecord};

use crate::list_keys::owner_or;

/// The sessions that the caller may know of and that go on, oldest first.
pub(crate) async fn list_sessions(
    gate: &Gate,
    caller: &Arc<Principal>,
    user: Option<UserId>,
    request: &PageRequest,
) -> Result<Page<SessionRecord>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Sessions))?;
    let owner = owner_or(&warrant, user)?;
    gate.read(&warrant).sessions(owner, gate.clock().now(), request).await
}
