//! The first model provider, as the set-up page adds it. (The console manages all of them.)

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Manage, Noun, Secret, Slug};
use tollgate_store::{AuditEvent, UpstreamRecord};
use url::Url;

use crate::check::Mistake;

/// What the page asks for.
pub(crate) struct Upstream {
    pub(crate) base_url: String,
    pub(crate) api_key: Option<Secret>,
}

/// Stores a provider, with our key for it sealed, and asks it for its models at once; says how many
/// models the caller may use now. None means that it did not answer as hoped.
pub(crate) async fn add_upstream(
    gate: &Gate,
    caller: &Arc<Principal>,
    upstream: Upstream,
) -> Result<usize, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Upstreams))?;
    let Upstream { base_url, api_key } = upstream;
    let url = checked(&base_url)?;
    let id =
        Slug::parse(if url.host_str() == Some("api.openai.com") { "openai" } else { "first" })?;
    let stored = gate.read(&warrant).upstream(&id).await?;
    if stored.as_ref().is_some_and(|record| record.declared) {
        let detail = "This provider is declared in the configuration file. Change it there.";
        return Err(Error::new(Kind::Declared, detail));
    }
    let known = stored.is_some();
    let mut record = stored.unwrap_or_else(|| UpstreamRecord::new(id.clone(), String::new()));
    record.base_url = url.as_str().trim_end_matches('/').to_owned();
    record.api_key_sealed = match &api_key {
        Some(key) => Some(gate.seal_key(&warrant, &id, record.version + 1, key)?),
        None => gate.carry_key(&warrant, &record)?,
    };
    let before = if known { 0 } else { gate.models(caller)?.len() };
    let mut tx = gate.begin(&warrant).await?;
    tx.put_upstream(&record).await?;
    let action = if known { "upstream.update" } else { "upstream.create" };
    tx.commit(AuditEvent::new(action, format!("upstream:{id}"))).await?;
    gate.heed().await;
    gate.refresh_lists().await;
    Ok(gate.models(caller)?.len().saturating_sub(before))
}

/// An address that the gate takes: http or https, without user name, query and fragment.
fn checked(base_url: &str) -> Result<Url, Mistake> {
    let url = Url::parse(base_url.trim()).map_err(|_| Mistake::BaseUrl)?;
    let sound = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if sound { Ok(url) } else { Err(Mistake::BaseUrl) }
}
