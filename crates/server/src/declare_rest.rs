//! The settings and apps that the configuration file declares.

use std::collections::BTreeMap;

use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{ClientId, Error, Slug};
use tollgate_store::settings::{
    DECLARED, DECLARED_CLIENTS, DEFAULT_PLAN, INSTALLATION_BUDGETS, REGISTRATION,
};
use tollgate_store::{AuditEvent, ClientRecord, Owner};

use crate::config::{ClientDecl, Config, Registration};

/// Brings the settings that `config` names into the store. What it named before and names no more
/// stays as it is, and can be changed again.
pub(crate) async fn settings(gate: &Gate, warrant: &Warrant, config: &Config) -> Result<(), Error> {
    let mut wanted: BTreeMap<&str, Option<String>> = BTreeMap::new();
    if config.states("accounts.registration") {
        wanted.insert(REGISTRATION, Some(stored(config.accounts.registration)?.to_owned()));
    }
    if let Some(plan) = &config.accounts.default_plan {
        known_plan(gate, warrant, plan, "accounts.default_plan").await?;
        wanted.insert(DEFAULT_PLAN, Some(plan.to_string()));
    }
    if config.states("installation.budgets") {
        let budgets = serde_json::to_string(&config.installation_budgets);
        wanted.insert(INSTALLATION_BUDGETS, Some(budgets.map_err(Error::internal)?));
    }
    let names: Vec<&str> = wanted.keys().copied().collect();
    let declared = serde_json::to_string(&names).map_err(Error::internal)?;
    wanted.insert(DECLARED, (!names.is_empty()).then_some(declared));
    let before = gate.read(warrant).settings().await?;
    wanted.retain(|name, value| before.get(*name) != value.as_ref());
    if wanted.is_empty() {
        return Ok(());
    }
    let changed: Vec<&str> = wanted.keys().copied().collect();
    let target = format!("settings:{}", changed.join(","));
    let mut tx = gate.begin(warrant).await?;
    for (name, value) in &wanted {
        tx.set_setting(name, value.as_deref()).await?;
    }
    tx.commit(AuditEvent::new("settings.declare", target)).await
}

/// What the store knows of `registration`.
fn stored(registration: Registration) -> Result<&'static str, Error> {
    match registration {
        Registration::Open => Ok("open"),
        // Links that invite work while nobody can sign up by themselves.
        Registration::Closed | Registration::Invited => Ok("closed"),
        Registration::Domain => Err(Error::invalid(
            "this version cannot open registration to domains yet: set accounts.registration to \
             \"invited\", \"open\" or \"closed\"",
        )),
    }
}

async fn known_plan(gate: &Gate, warrant: &Warrant, plan: &Slug, path: &str) -> Result<(), Error> {
    if gate.read(warrant).plan(plan).await?.is_some() {
        return Ok(());
    }
    Err(Error::invalid(format!("{path}: there is no plan called {plan}")))
}

/// Brings the declared apps into the store, each under the id that it got at its first start, and
/// lets go of those that are declared no more.
pub(crate) async fn clients(
    gate: &Gate,
    warrant: &Warrant,
    declared: &[ClientDecl],
) -> Result<(), Error> {
    let reader = gate.read(warrant);
    let mut known: BTreeMap<String, String> = match reader.setting(DECLARED_CLIENTS).await? {
        Some(text) => serde_json::from_str(&text).map_err(Error::internal)?,
        None => BTreeMap::new(),
    };
    for decl in declared {
        if let Some(plan) = &decl.plan {
            known_plan(gate, warrant, plan, "client.plan").await?;
        }
        let name = decl.id.to_string();
        let id = match known.get(&name) {
            Some(id) => id.parse::<ClientId>().map_err(Error::internal)?,
            None => ClientId::new(&**gate.clock(), &**gate.rng()),
        };
        known.insert(name, id.to_string());
        put_client(gate, warrant, (id, decl), &known).await?;
    }
    let gone: Vec<(String, String)> = known
        .iter()
        .filter(|(name, _)| !declared.iter().any(|decl| decl.id.as_str() == name.as_str()))
        .map(|(name, id)| (name.clone(), id.clone()))
        .collect();
    for (name, id) in gone {
        known.remove(&name);
        let id = id.parse::<ClientId>().map_err(Error::internal)?;
        let Some(mut client) = reader.client(Owner::All, id).await? else { continue };
        client.declared = false;
        let mut tx = gate.begin(warrant).await?;
        tx.put_client(&client).await?;
        tx.set_setting(DECLARED_CLIENTS, Some(&listed(&known)?)).await?;
        tx.commit(AuditEvent::new("client.release", format!("client:{id}"))).await?;
    }
    Ok(())
}

/// The app, and in the same commit which one it is.
async fn put_client(
    gate: &Gate,
    warrant: &Warrant,
    (id, decl): (ClientId, &ClientDecl),
    known: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let ClientDecl { id: slug, name, plan, kind, client_secret, oauth } = decl;
    let reader = gate.read(warrant);
    let found = reader.client(Owner::All, id).await?;
    let secret = client_secret.as_ref().map(|secret| gate.hash_client_secret(warrant, secret));
    let stored = reader.client_secret(id).await?;
    // What the file leaves out may have been made by the API.
    let same_secret = secret.is_none_or(|secret| stored == Some(*secret.as_bytes()));
    let same = |client: &ClientRecord| {
        client.declared
            && client.slug.as_ref() == Some(slug)
            && client.name == *name
            && client.plan == *plan
            && client.kind == *kind
            && client.oauth == *oauth
    };
    if same_secret && found.as_ref().is_some_and(same) {
        return Ok(());
    }
    let new = || ClientRecord::new(id, name.clone(), *kind);
    let mut client = found.unwrap_or_else(new);
    client.slug = Some(slug.clone());
    client.name.clone_from(name);
    client.plan.clone_from(plan);
    client.kind = *kind;
    client.oauth.clone_from(oauth);
    client.declared = true;
    let mut tx = gate.begin(warrant).await?;
    tx.put_client(&client).await?;
    if let Some(secret) = secret.filter(|_| !same_secret) {
        tx.set_client_secret(id, Some(secret.as_bytes())).await?;
    }
    tx.set_setting(DECLARED_CLIENTS, Some(&listed(known)?)).await?;
    tx.commit(AuditEvent::new("client.declare", format!("client:{id}"))).await
}

fn listed(known: &BTreeMap<String, String>) -> Result<String, Error> {
    serde_json::to_string(known).map_err(Error::internal)
}
