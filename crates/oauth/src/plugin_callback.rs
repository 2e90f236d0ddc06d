//! Plugins at a host whose sign-ins nobody has accepted yet. The host makes up their ids and tells
//! nobody before the first try: that try is noted, for the owner to say yes.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun};
use tollgate_protocol::oauth::plugin_of_callback;
use tollgate_store::{AuditEvent, ClientRecord};

use crate::scopes::is_legacy;

/// Notes that a redirect URI which `client` has not registered is that of a plugin, if it is, at
/// the tools whose app this is.
pub(crate) async fn note(
    gate: &Gate,
    caller: &Arc<Principal>,
    client: &ClientRecord,
    redirect_uri: Option<&str>,
) -> Result<(), Error> {
    let Some(plugin) = redirect_uri.and_then(plugin_of_callback) else { return Ok(()) };
    if !is_legacy(client) {
        return Ok(());
    }
    let is_its = |address: &str| client.oauth.resources.iter().any(|uri| uri == address);
    for tool in gate.tools().into_iter().filter(|tool| is_its(tool.address())) {
        let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
        let mut tx = gate.begin(&warrant).await?;
        if tx.note_tool_callback(tool.id(), plugin).await? {
            let target = format!("tool:{}/{plugin}", tool.id());
            tx.commit(AuditEvent::new("tool.callback.note", target)).await?;
        }
    }
    Ok(())
}
