//! What a start needs to find: made at the first one, checked at every other.

use std::sync::Arc;

use tollgate_gate::{Gate, Jobs, Warrant};
use tollgate_kernel::{Error, Job, Manage, Noun};
use tollgate_store::AuditEvent;
use tollgate_vault::Vault;

/// The setting that tells whether the master key is the one that this store was made with.
const KEY_CHECK: &str = "key_check";

/// Checks the master key, and makes the signing key at the first start.
pub async fn prepare(gate: &Arc<Gate>, jobs: &Jobs) -> Result<(), Error> {
    let principal = gate.system(&jobs.token(Job::Setup));
    let warrant = gate.allow(&principal, Manage::write(Noun::Settings))?;
    check_master_key(gate, &warrant).await?;
    if !gate.can_sign() {
        gate.make_signing_key(&warrant).await?;
    }
    tollgate_identity::ship_standard_plan(gate, &principal).await?;
    gate.heed().await;
    Ok(())
}

async fn check_master_key(gate: &Gate, warrant: &Warrant) -> Result<(), Error> {
    let ours = hex(&gate.check_value());
    match gate.read(warrant).setting(KEY_CHECK).await? {
        Some(stored) if Vault::same(stored.as_bytes(), ours.as_bytes()) => Ok(()),
        Some(_) => Err(Error::unavailable(
            "the master key is not the one that this store was made with; give the right one \
             (vault.master_key, or the file master.key in the data folder)",
        )),
        None => {
            let mut tx = gate.begin(warrant).await?;
            tx.insert_setting(KEY_CHECK, &ours).await?;
            tx.commit(AuditEvent::new("installation.made", "installation")).await
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
