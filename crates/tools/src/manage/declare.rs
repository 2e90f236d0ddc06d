//! The tools that the configuration file declares.

use tollgate_gate::Warrant;
use tollgate_kernel::Error;
use tollgate_store::{AuditEvent, ToolAuth, ToolRecord};

use super::tools::require_place;
use super::{ToolChange, callbacks};
use crate::state::ToolsState;

/// Brings the declared tools into the store, and lets go of those that are declared no more: they
/// stay, and can be changed again. What the file leaves out is as usual, but for verification
/// tokens, which are set while the server runs. After the declared apps, whose redirect URIs of
/// accepted plugins are set again here.
pub async fn reconcile(
    state: &ToolsState,
    warrant: &Warrant,
    declared: Vec<ToolChange>,
) -> Result<(), Error> {
    let ids: Vec<_> = declared.iter().filter_map(|change| change.id.clone()).collect();
    let known = state.gate.read(warrant).tools().await?;
    // First those that are let go of: another may take their place.
    for tool in known {
        if tool.declared && !ids.contains(&tool.id) {
            release(state, warrant, tool).await?;
        }
    }
    for change in declared {
        declare(state, warrant, change).await?;
    }
    for tool in state.gate.read(warrant).tools().await? {
        callbacks::restore(state, warrant, &tool).await?;
    }
    Ok(())
}

async fn declare(state: &ToolsState, warrant: &Warrant, change: ToolChange) -> Result<(), Error> {
    let (Some(id), Some(upstream_url)) = (change.id.clone(), change.upstream_url.clone()) else {
        return Err(Error::internal("a declared tool without a name or an address"));
    };
    let known = state.gate.read(warrant).tool(&id).await?;
    let mut tool = ToolRecord::new(id, upstream_url, ToolAuth::None);
    if let Some(known) = known {
        tool.verification_tokens = known.verification_tokens;
        (tool.version, tool.created_at) = (known.version, known.created_at);
    }
    tool.declared = true;
    // The secret is sealed anew at each start: whether it changed cannot be told from outside.
    let kept = change.apply(&state.places, state.secrets_in_the_clear, &mut tool)?;
    tool.upstream_auth_sealed = kept.seal(&state.gate, warrant, &tool)?;
    state.gate.check_tool(warrant, &tool)?;
    require_place(state, warrant, &tool).await?;
    let mut tx = state.gate.begin(warrant).await?;
    if tool.version == 0 {
        tx.insert_tool(&tool).await?;
    } else {
        tx.update_tool(&tool).await?;
    }
    state.commit(tx, AuditEvent::new("tool.declare", format!("tool:{}", tool.id))).await
}

async fn release(state: &ToolsState, warrant: &Warrant, mut tool: ToolRecord) -> Result<(), Error> {
    tool.upstream_auth_sealed = state.gate.carry_tool_auth(warrant, &tool)?;
    tool.declared = false;
    let mut tx = state.gate.begin(warrant).await?;
    tx.update_tool(&tool).await?;
    state.commit(tx, AuditEvent::new("tool.release", format!("tool:{}", tool.id))).await
}
