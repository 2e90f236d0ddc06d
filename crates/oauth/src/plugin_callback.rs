//! Plugins at a host whose sign-ins nobody has accepted yet. The host makes up their ids and tells
//! nobody before the first try: that try is noted, for the owner to say yes.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::Principal;
use tollgate_kernel::{Error, Kind, Manage, Noun};
use tollgate_protocol::oauth::plugin_of_callback;
use tollgate_store::{AuditEvent, ClientRecord, Noted};
use tracing::warn;

use crate::scopes::is_legacy;
use crate::state::OAuthState;

/// Notes that a redirect URI which `client` has not registered is that of a plugin, if it is, at
/// the tools whose app this is. A network brings only so many that are new.
pub(crate) async fn note(
    state: &OAuthState,
    caller: &Arc<Principal>,
    client: &ClientRecord,
    redirect_uri: Option<&str>,
) -> Result<(), Error> {
    let Some(plugin) = redirect_uri.and_then(plugin_of_callback) else { return Ok(()) };
    if !is_legacy(client) {
        return Ok(());
    }
    let gate = &state.gate;
    let is_its = |address: &str| client.oauth.resources.iter().any(|uri| uri == address);
    for tool in gate.tools().into_iter().filter(|tool| is_its(tool.address())) {
        let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
        let known = gate.read(&warrant).tool_callbacks(tool.id()).await?;
        if !known.iter().any(|known| known.plugin_id == plugin) {
            match state.networks.count(Attempt::Plugin, caller) {
                Err(error) if error.kind() == Kind::RateLimited => return Ok(()),
                counted => counted?,
            }
        }
        let mut tx = gate.begin(&warrant).await?;
        match tx.note_tool_callback(tool.id(), plugin).await? {
            Noted::New | Noted::Again => {
                let target = format!("tool:{}/{plugin}", tool.id());
                tx.commit(AuditEvent::new("tool.callback.note", target)).await?;
            }
            Noted::Full => {
                warn!(tool = %tool.id(), "too many plugins wait for the owner's word already");
            }
            Noted::Nothing => {}
        }
    }
    Ok(())
}
