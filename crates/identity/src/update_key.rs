//! Changing a key. Its secret stays.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Budget, Error, KeyId, Kind, Manage, ModelPattern, Noun, Rates, Timestamp};
use tollgate_store::{AuditEvent, KeyRecord, KeyState, Owner};

use crate::check;
use crate::create_key::models;
use crate::list_keys::owner_of;

/// What changes; what is none stays.
#[derive(Default)]
pub(crate) struct KeyChange {
    pub(crate) name: Option<String>,
    pub(crate) models: Option<Vec<ModelPattern>>,
    pub(crate) networks: Option<Vec<String>>,
    pub(crate) rates: Option<Rates>,
    pub(crate) budgets: Option<Vec<Budget>>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Changes a key that the caller may know of; a revoked one is a conflict.
pub(crate) async fn update_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: KeyId,
    change: KeyChange,
) -> Result<KeyRecord, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Keys))?;
    let owner = owner_of(&warrant)?;
    let reader = gate.read(&warrant);
    let mut key = reader.key(owner, id).await?.ok_or_else(Error::not_found)?;
    if key.state != KeyState::Active {
        return Err(Error::new(Kind::Conflict, "The key was revoked. Make a new one."));
    }
    let KeyChange { name, models: wished, networks, rates, budgets, expires_at } = change;
    if let Some(name) = name {
        key.name = check::key_name(&name)?;
    }
    if let Some(wished) = wished {
        key.models = models(wished)?;
    }
    if let Some(networks) = networks {
        key.networks = check::networks(&networks)?;
    }
    if let Some(rates) = rates {
        key.rates = rates;
    }
    if let Some(budgets) = budgets {
        Budget::check(&budgets)?;
        key.budgets = budgets;
    }
    if let Some(wished) = expires_at {
        let ends = check::expiry(Some(wished), gate.clock().now())?;
        let parent = match caller.credential().key() {
            Some(parent) => reader.key(Owner::All, parent).await?.and_then(|key| key.expires_at),
            None => None,
        };
        key.expires_at = Some(parent.map_or(ends, |parent| parent.min(ends)));
    }
    let mut tx = gate.begin(&warrant).await?;
    tx.update_key(&key).await?;
    tx.commit(AuditEvent::new("key.update", format!("key:{id}"))).await?;
    gate.heed().await;
    key.version += 1;
    Ok(key)
}
