//! Changing a key. Its secret stays.

use std::sync::Arc;

use tollgate_gate::{Bounds, Gate, Principal};
use tollgate_kernel::{Budget, Error, KeyId, Kind, Manage, ModelPattern, Noun, Rates, Timestamp};
use tollgate_store::{AuditEvent, KeyRecord, KeyState};

use crate::check;
use crate::create_key::{models, require_place};
use crate::list_keys::owner_of;

/// What changes; what is none stays.
#[derive(Default)]
pub(crate) struct KeyChange {
    pub(crate) name: Option<String>,
    pub(crate) models: Option<Vec<ModelPattern>>,
    pub(crate) networks: Option<Vec<String>>,
    pub(crate) rates: Option<Rates>,
    pub(crate) budgets: Option<Vec<Budget>>,
    /// `Some(None)` is that it does not end by itself.
    pub(crate) expires_at: Option<Option<Timestamp>>,
}

/// Changes a key that the caller may know of and that lends no more rights than the caller has; a
/// revoked one is a conflict. A key changes others alone, and gives them nothing that it has not.
pub(crate) async fn update_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: KeyId,
    change: KeyChange,
) -> Result<KeyRecord, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Keys))?;
    let owner = owner_of(&warrant)?;
    let mut key = gate.read(&warrant).key(owner, id).await?.ok_or_else(Error::not_found)?;
    if key.state != KeyState::Active {
        return Err(Error::new(Kind::Conflict, "The key was revoked. Make a new one."));
    }
    if caller.credential().key() == Some(id) {
        let detail = "A key does not change itself. Sign in, or use another key.";
        return Err(Error::new(Kind::Forbidden, detail));
    }
    gate.require_rank_of(&warrant, &key).await?;
    let bounds = Bounds::of(gate, &warrant).await?;
    let KeyChange { name, models: wished, networks, rates, budgets, expires_at } = change;
    if let Some(name) = name {
        key.name = check::key_name(&name)?;
    }
    if let Some(wished) = wished {
        key.models = bounds.models(models(wished)?)?;
    }
    if let Some(networks) = networks {
        key.networks = bounds.networks(check::networks(&networks)?)?;
    }
    if let Some(rates) = rates {
        key.rates = bounds.rates(rates);
    }
    if let Some(budgets) = budgets {
        Budget::check(&budgets)?;
        key.budgets = bounds.budgets(budgets);
    }
    if let Some(wished) = expires_at {
        key.expires_at = bounds.expiry(check::expiry(wished, gate.clock().now())?);
    }
    let mut tx = gate.begin(&warrant).await?;
    tx.update_key(&key).await?;
    if expires_at.is_some() {
        // One that had ended may work again.
        require_place(&mut tx, key.holder).await?;
    }
    tx.commit(AuditEvent::new("key.update", format!("key:{id}"))).await?;
    gate.heed().await;
    key.version += 1;
    Ok(key)
}
