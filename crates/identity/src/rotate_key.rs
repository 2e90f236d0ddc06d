//! Giving a key a new secret; the old one may work on for a while.

use std::sync::Arc;
use std::time::Duration;

use tollgate_gate::{Bounds, Gate, Principal};
use tollgate_kernel::{Error, KeyId, Kind, Manage, Noun, PlainToken};
use tollgate_store::{AuditEvent, KeyRecord};

use crate::create_key::new_secret;
use crate::list_keys::owner_of;

/// The longest overlap, in seconds: a week.
pub(crate) const OVERLAP_MAX_S: u32 = 7 * 86_400;

/// Rotates a key that the caller may know of and that lends no more than the caller has. The
/// secrets it had end after `overlap_s`. A key rotates itself with its newest secret alone: one
/// that was replaced must not replace its successor.
pub(crate) async fn rotate_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: KeyId,
    overlap_s: u32,
) -> Result<(KeyRecord, PlainToken), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Keys))?;
    if overlap_s > OVERLAP_MAX_S {
        let detail = format!("overlap_s is at most {OVERLAP_MAX_S}, a week");
        return Err(Error::invalid(detail).with_param("overlap_s"));
    }
    let owner = owner_of(&warrant)?;
    let mut key = gate.read(&warrant).key(owner, id).await?.ok_or_else(Error::not_found)?;
    if caller.credential().key() == Some(id) && caller.secret_ends_at().is_some() {
        let detail = "This secret of the key was replaced. Use the newest one.";
        return Err(Error::new(Kind::Forbidden, detail));
    }
    gate.require_rank_of(&warrant, &key).await?;
    Bounds::of(gate, &warrant).await?.require_within(&key)?;
    let (token, secret) = new_secret(gate, key.holder);
    key.tail.clone_from(&secret.tail);
    let mut tx = gate.begin(&warrant).await?;
    let ends = tx.now().plus(Duration::from_secs(u64::from(overlap_s)));
    tx.expire_key_secrets(id, ends).await?;
    tx.add_key_secret(id, key.version, secret).await?;
    tx.commit(AuditEvent::new("key.rotate", format!("key:{id}"))).await?;
    gate.heed().await;
    key.version += 1;
    Ok((key, token))
}
