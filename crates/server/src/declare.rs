//! What the configuration file declares is brought into the store at start, by its id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, Job, Manage, Noun, Plan, Slug};
use tollgate_store::{AuditEvent, ModelRecord, PageRequest, PlanBody, PlanRecord, UpstreamRecord};

use crate::config::{Config, ModelDecl, UpstreamDecl};
use crate::wire::Installation;
use crate::{declare_providers, declare_rest};

/// Brings everything that `config` declares into the store; what was declared before and is no more
/// is let go: it stays, and can be changed again.
pub async fn reconcile(installation: &Installation, config: &Config) -> Result<(), Error> {
    let Installation { gate, jobs, tools, .. } = installation;
    let principal = gate.system(&jobs.token(Job::Setup));
    let warrant = gate.allow(&principal, Manage::write(Noun::Settings))?;
    for plan in &config.plans {
        put_plan(gate, &warrant, plan).await?;
    }
    for upstream in &config.upstreams {
        put_upstream(gate, &warrant, upstream).await?;
    }
    for model in &config.models {
        put_model(gate, &warrant, model).await?;
    }
    declare_rest::settings(gate, &warrant, config).await?;
    declare_providers::put_all(gate, &warrant, &config.providers).await?;
    declare_rest::clients(gate, &warrant, &config.clients).await?;
    gate.heed().await;
    tollgate_tools::reconcile(tools, &warrant, config.tools.clone()).await?;
    release(gate, &warrant, config).await?;
    gate.heed().await;
    Ok(())
}

async fn put_plan(gate: &Gate, warrant: &Warrant, plan: &Plan) -> Result<(), Error> {
    let body = PlanBody {
        models: plan.models.clone(),
        tools: plan.tools.clone(),
        rates: plan.rates,
        budgets: plan.budgets.clone(),
        time_zone: plan.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        max_output_tokens: plan.max_output_tokens,
        profile: plan.profile.clone(),
    };
    let known = gate.read(warrant).plan(&plan.id).await?;
    if known.as_ref().is_some_and(|known| known.declared && known.body == body) {
        return Ok(());
    }
    let mut record = known.unwrap_or_else(|| PlanRecord::new(plan.id.clone(), body.clone()));
    record.body = body;
    record.declared = true;
    let mut tx = gate.begin(warrant).await?;
    tx.put_plan(&record).await?;
    tx.commit(AuditEvent::new("plan.declare", format!("plan:{}", plan.id))).await
}

async fn put_upstream(gate: &Gate, warrant: &Warrant, decl: &UpstreamDecl) -> Result<(), Error> {
    let known = gate.read(warrant).upstream(&decl.id).await?;
    let base_url = decl.base_url.as_str().trim_end_matches('/').to_owned();
    let mut record =
        known.unwrap_or_else(|| UpstreamRecord::new(decl.id.clone(), base_url.clone()));
    record.base_url = base_url;
    record.header.clone_from(&decl.header);
    record.timeouts = timeouts(decl);
    record.declared = true;
    // The key is sealed anew at each start: whether it changed cannot be told from outside.
    let version = record.version + 1;
    record.api_key_sealed = match &decl.api_key {
        Some(key) => Some(gate.seal_key(warrant, &decl.id, version, key)?),
        None => None,
    };
    let mut tx = gate.begin(warrant).await?;
    tx.put_upstream(&record).await?;
    tx.commit(AuditEvent::new("upstream.declare", format!("upstream:{}", decl.id))).await
}

fn timeouts(decl: &UpstreamDecl) -> BTreeMap<String, u64> {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    BTreeMap::from([
        ("first_byte_ms".to_owned(), ms(decl.first_byte_timeout)),
        ("silence_ms".to_owned(), ms(decl.silence_timeout)),
    ])
}

async fn put_model(gate: &Gate, warrant: &Warrant, decl: &ModelDecl) -> Result<(), Error> {
    let known = gate.read(warrant).model(&decl.alias).await?;
    let mut record = known.unwrap_or_else(|| {
        ModelRecord::new(decl.alias.clone(), decl.upstream.clone(), decl.model.clone())
    });
    let same = record.declared
        && record.upstream == decl.upstream
        && record.model == decl.model
        && record.budgets == decl.budgets;
    if same {
        return Ok(());
    }
    record.upstream = decl.upstream.clone();
    record.model.clone_from(&decl.model);
    record.budgets.clone_from(&decl.budgets);
    record.declared = true;
    let mut tx = gate.begin(warrant).await?;
    tx.put_model(&record).await?;
    tx.commit(AuditEvent::new("model.declare", format!("model:{}", decl.alias))).await
}

/// Lets go of what is declared no more.
async fn release(gate: &Gate, warrant: &Warrant, config: &Config) -> Result<(), Error> {
    let reader = gate.read(warrant);
    let plans: BTreeSet<&Slug> = config.plans.iter().map(|plan| &plan.id).collect();
    let request = PageRequest::first(PageRequest::MAX);
    for mut plan in reader.plans(&request).await?.items {
        if plan.declared && !plans.contains(&plan.id) {
            plan.declared = false;
            let mut tx = gate.begin(warrant).await?;
            tx.put_plan(&plan).await?;
            tx.commit(AuditEvent::new("plan.release", format!("plan:{}", plan.id))).await?;
        }
    }
    let upstreams: BTreeSet<&Slug> = config.upstreams.iter().map(|upstream| &upstream.id).collect();
    for mut upstream in reader.upstreams().await? {
        if upstream.declared && !upstreams.contains(&upstream.id) {
            upstream.api_key_sealed = gate.carry_key(warrant, &upstream)?;
            upstream.declared = false;
            let target = format!("upstream:{}", upstream.id);
            let mut tx = gate.begin(warrant).await?;
            tx.put_upstream(&upstream).await?;
            tx.commit(AuditEvent::new("upstream.release", target)).await?;
        }
    }
    let models: BTreeSet<&Slug> = config.models.iter().map(|model| &model.alias).collect();
    for mut model in reader.models().await? {
        if model.declared && !models.contains(&model.alias) {
            model.declared = false;
            let target = format!("model:{}", model.alias);
            let mut tx = gate.begin(warrant).await?;
            tx.put_model(&model).await?;
            tx.commit(AuditEvent::new("model.release", target)).await?;
        }
    }
    Ok(())
}
