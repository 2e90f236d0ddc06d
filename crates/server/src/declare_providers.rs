//! The sign-in providers that the configuration file declares.

use tollgate_gate::{Gate, SealedSecret, Warrant};
use tollgate_kernel::Error;
use tollgate_store::{AuditEvent, ProviderRecord};

use crate::config::ProviderDecl;

/// Brings the declared providers into the store, and lets go of those that are declared no more:
/// they stay, and can be changed again.
pub(crate) async fn put_all(
    gate: &Gate,
    warrant: &Warrant,
    declared: &[ProviderDecl],
) -> Result<(), Error> {
    for decl in declared {
        put(gate, warrant, decl).await?;
    }
    for provider in gate.read(warrant).providers().await? {
        let is_there = declared.iter().any(|decl| decl.provider.id == provider.id);
        if provider.declared && !is_there {
            release(gate, warrant, provider).await?;
        }
    }
    Ok(())
}

async fn put(gate: &Gate, warrant: &Warrant, decl: &ProviderDecl) -> Result<(), Error> {
    let ProviderDecl { provider, client_secret } = decl;
    let id = provider.id.clone();
    let version = match gate.read(warrant).provider(&id).await? {
        Some(known) => known.version,
        None => 0,
    };
    // The secret is sealed anew at each start: whether it changed cannot be told from outside.
    let sealed = match client_secret {
        Some(secret) => Some(gate.seal_client_secret(warrant, &id, version + 1, secret)?),
        None => None,
    };
    let record = ProviderRecord {
        client_secret_sealed: sealed,
        declared: true,
        version,
        ..provider.clone()
    };
    let mut tx = gate.begin(warrant).await?;
    tx.put_provider(&record).await?;
    tx.commit(AuditEvent::new("provider.declare", format!("provider:{id}"))).await
}

async fn release(
    gate: &Gate,
    warrant: &Warrant,
    mut provider: ProviderRecord,
) -> Result<(), Error> {
    let id = provider.id.clone();
    if let Some(bytes) = provider.client_secret_sealed.take() {
        let sealed = SealedSecret { bytes, version: provider.version };
        let carried = gate.carry_client_secret(warrant, &id, &sealed)?;
        provider.client_secret_sealed = Some(carried);
    }
    provider.declared = false;
    let mut tx = gate.begin(warrant).await?;
    tx.put_provider(&provider).await?;
    tx.commit(AuditEvent::new("provider.release", format!("provider:{id}"))).await
}
