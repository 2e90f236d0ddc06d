//! Reading the policy from the store.

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Budget, Error, Plan, Slug};
use tollgate_store::settings::{DEFAULT_PLAN, INSTALLATION_BUDGETS};
use tollgate_store::{PageRequest, Reader, ResourceRecord, UpstreamRecord};
use tollgate_vault::{Opener, Place, ProviderKey, Sealed};
use tracing::warn;

use crate::FastMap;
use crate::Resource;
use crate::policy::{Alias, Group, Policy};
use crate::tool::Tools;
use crate::tool_place::ToolPlaces;
use crate::upstream::{Patience, Upstream};

/// Where an upstream's key is sealed.
pub(crate) fn key_place(upstream: &Slug, version: i64) -> Place {
    Place {
        table: "upstreams",
        column: "api_key_sealed",
        row: upstream.to_string(),
        owner: "installation".to_owned(),
        version,
    }
}

/// The policy as the store has it now. `before` lends what did not change.
pub(crate) async fn policy(
    reader: &Reader,
    opener: &Opener,
    places: &ToolPlaces,
    before: &Policy,
) -> Result<Policy, Error> {
    let settings = reader.settings().await?;
    let mut policy = Policy::empty();
    policy.version = before.version + 1;
    policy.default_plan = settings.get(DEFAULT_PLAN).map(|id| Slug::parse(id)).transpose()?;
    policy.installation_budgets = match settings.get(INSTALLATION_BUDGETS) {
        Some(text) => serde_json::from_str::<Vec<Budget>>(text).map_err(Error::internal)?,
        None => Vec::new(),
    };
    policy.plans = plans(reader).await?;
    policy.groups = groups(reader).await?;
    policy.tools = Tools::read(reader.tools().await?, places, opener, &before.tools);
    // A tool's own address is its own, whatever was written down for it.
    let of_tools = policy.tools.all().filter_map(|tool| tool.resource());
    policy.resources = of_tools.map(Arc::new).collect();
    policy.resources.extend(resources(reader).await?);
    for model in reader.models().await? {
        let alias = Alias { upstream: model.upstream, model: model.model, budgets: model.budgets };
        policy.add_alias(model.alias.to_string(), alias);
    }
    for record in reader.upstreams().await? {
        let id = record.id.clone();
        // One that cannot be used must not keep every other change from counting.
        let version = record.version;
        match upstream(record, opener) {
            Ok(upstream) => {
                let before = before.upstreams.get(&id).map(|before| &**before);
                let upstream = upstream.of_version(version, before);
                policy.upstream_order.push(id.clone());
                policy.upstreams.insert(id, Arc::new(upstream));
            }
            Err(error) => {
                warn!(upstream = %id, cause = error.cause(), "the upstream is left out: {error}");
            }
        }
    }
    Ok(policy)
}

async fn plans(reader: &Reader) -> Result<FastMap<Slug, Arc<Plan>>, Error> {
    let mut plans = FastMap::default();
    let mut request = PageRequest::first(PageRequest::MAX);
    loop {
        let page = reader.plans(&request).await?;
        for record in page.items {
            plans.insert(record.id.clone(), Arc::new(record.plan()?));
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(plans),
        }
    }
}

async fn groups(reader: &Reader) -> Result<FastMap<Slug, Group>, Error> {
    let mut groups = FastMap::default();
    let mut request = PageRequest::first(PageRequest::MAX);
    loop {
        let page = reader.groups(&request).await?;
        for group in page.items {
            let value = Group { plan: group.plan, priority: group.priority, pool: group.pool };
            groups.insert(group.id, value);
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(groups),
        }
    }
}

async fn resources(reader: &Reader) -> Result<Vec<Arc<Resource>>, Error> {
    let mut resources = Vec::new();
    let mut request = PageRequest::first(PageRequest::MAX);
    loop {
        let page = reader.resources(&request).await?;
        for ResourceRecord { uri, aliases, scopes, .. } in page.items {
            resources.push(Arc::new(Resource { uri, aliases, scopes }));
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(resources),
        }
    }
}

fn upstream(record: UpstreamRecord, opener: &Opener) -> Result<Upstream, Error> {
    let key = match record.api_key_sealed {
        Some(bytes) => {
            let sealed = Sealed::<ProviderKey>::from_bytes(bytes);
            Some(opener.open(&key_place(&record.id, record.version), &sealed)?)
        }
        None => None,
    };
    let mut patience = Patience::default();
    for (name, ms) in &record.timeouts {
        match name.as_str() {
            "first_byte_ms" => patience.first_byte = Duration::from_millis(*ms),
            "silence_ms" => patience.silence = Duration::from_millis(*ms),
            _ => {}
        }
    }
    let header = record.header.as_deref().unwrap_or("authorization");
    Upstream::new(record.id, &record.base_url, header, key, patience)
}
