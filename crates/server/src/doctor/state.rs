//! What is in the store: asked of the server that runs, or read where none does.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::net::TcpStream;
use tollgate_kernel::{SystemClock, Timestamp};
use tollgate_root::Root;
use tollgate_store::{AuditFilter, Options, PageRequest};
use url::Url;

use super::Found;
use crate::ask::Asker;
use crate::config::Config;
use crate::start::target;
use crate::wire::socket_path;

/// How long anybody's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far the clock may stand behind what was written last, in seconds.
const SLACK_S: i64 = 5;

/// What the checks want to know.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) has_owner: bool,
    /// The model providers, with their addresses and what is wrong with them.
    pub(super) providers: Vec<(String, String, Option<String>)>,
    /// When something was last written.
    pub(super) newest: Option<Timestamp>,
}

/// The checks of the server and its store.
pub(super) async fn state(config: &Config, now: Timestamp) -> Vec<Found> {
    let (server, facts) = facts(config).await;
    let mut found = vec![server];
    match facts {
        Some(facts) => {
            found.push(clock(&facts, now));
            found.push(owner(&facts));
            found.push(model_providers(&facts).await);
        }
        None => {
            let unknown = |check| Found::not_looked(check, "there is no state to look at");
            found.extend(["clock", "owner", "model_providers"].map(unknown));
        }
    }
    found
}

async fn facts(config: &Config) -> (Found, Option<Facts>) {
    const CHECK: &str = "server";
    let broken = |what: String| {
        let advice = "look at the server's log; `tollgate migrate` brings an old store along";
        (Found::bad(CHECK, what, advice), None)
    };
    if let Ok(mut server) = Asker::local(&socket_path(&config.server.data_dir)).await {
        return match tokio::time::timeout(PATIENCE, asked(&mut server)).await {
            Ok(Ok(facts)) => (Found::good(CHECK, "it runs and is ready"), Some(facts)),
            Ok(Err(why)) => broken(why),
            Err(_) => broken("it runs and does not answer".to_owned()),
        };
    }
    if config.store_url.is_none() && !config.server.data_dir.join("tollgate.db").exists() {
        return (Found::good(CHECK, "nothing was ever started here"), None);
    }
    match read(config).await {
        Ok(facts) => (Found::good(CHECK, "none runs; the store is sound"), Some(facts)),
        Err(why) => broken(format!("the store cannot be opened: {why}")),
    }
}

/// What a running server says.
async fn asked(server: &mut Asker) -> Result<Facts, String> {
    let ready = server.ask(Method::GET, "/readyz", None).await.map_err(|exit| exit.to_string())?;
    if !ready.status.is_success() {
        return Err("it runs and is not ready: its store does not answer".to_owned());
    }
    let users = items(server, "/api/v1/users?limit=500").await?;
    let newest = items(server, "/api/v1/audit?limit=1").await?;
    let newest = newest.first().and_then(|it| Timestamp::parse(it["at"].as_str()?).ok());
    let upstreams = items(server, "/api/v1/upstreams?limit=500").await?;
    let provider = |it: &Value| {
        let text = |member: &str| it[member].as_str().unwrap_or_default().to_owned();
        let trouble = it["trouble"]["code"].as_str().map(str::to_owned);
        (text("id"), text("base_url"), trouble)
    };
    let providers = upstreams.iter().map(provider).collect();
    let has_owner = users.iter().any(|user| user["role"] == "owner");
    Ok(Facts { has_owner, providers, newest })
}

async fn items(server: &mut Asker, path: &str) -> Result<Vec<Value>, String> {
    let answer = server.ask(Method::GET, path, None).await.map_err(|exit| exit.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("it runs, and answers {} to {path}", answer.status));
    }
    let list: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// What the store says, under its lock.
async fn read(config: &Config) -> Result<Facts, tollgate_kernel::Error> {
    let clock = Arc::new(SystemClock::new());
    let options = Options::new(target(config), clock);
    let (reader, _writer) = tollgate_store::open(&Root::new(), options).await?;
    let newest = reader.audit(&AuditFilter::default(), &PageRequest::first(1)).await?;
    let providers = reader.upstreams().await?.into_iter();
    let facts = Facts {
        has_owner: reader.owner_exists().await?,
        providers: providers.map(|it| (it.id.to_string(), it.base_url, None)).collect(),
        newest: newest.items.first().map(|it| it.at),
    };
    reader.close().await;
    Ok(facts)
}

/// The clock does not stand behind what was written.
pub(super) fn clock(facts: &Facts, now: Timestamp) -> Found {
    const CHECK: &str = "clock";
    let Some(newest) = facts.newest else { return Found::good(CHECK, "nothing to compare with") };
    let ahead = newest.secs() - now.secs();
    if ahead <= SLACK_S {
        return Found::good(CHECK, "it stands behind nothing that was written");
    }
    let what = format!("it stands {ahead} s behind what was written last");
    let advice = "set it by NTP: budgets, sessions and tokens go by it";
    Found::bad(CHECK, what, advice)
}

/// Somebody owns the installation.
pub(super) fn owner(facts: &Facts) -> Found {
    const CHECK: &str = "owner";
    if facts.has_owner {
        return Found::good(CHECK, "there is one");
    }
    let advice = "open the set-up link of the log, or: tollgate init --owner EMAIL";
    Found::bad(CHECK, "nobody owns this installation", advice)
}

/// There are models to call, and whoever has them can be reached.
pub(super) async fn model_providers(facts: &Facts) -> Found {
    const CHECK: &str = "model_providers";
    if facts.providers.is_empty() {
        let advice = "tollgate upstream add openai https://api.openai.com/v1 --api-key-env NAME";
        return Found::warning(CHECK, "there is none, so there is no model to call", advice);
    }
    for (id, base_url, trouble) in &facts.providers {
        if let Some(trouble) = trouble {
            let what = format!("{id} is in trouble: {trouble}");
            return Found::bad(CHECK, what, format!("tollgate upstream show {id}"));
        }
        if !reaches(base_url).await {
            let what = format!("{id} at {base_url} cannot be reached from here");
            return Found::bad(CHECK, what, "look at the network, or correct its base URL");
        }
    }
    Found::good(CHECK, format!("{} can be reached", facts.providers.len()))
}

async fn reaches(base_url: &str) -> bool {
    let Ok(url) = Url::parse(base_url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let Some(port) = url.port_or_known_default() else { return false };
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await;
    connected.is_ok_and(|connected| connected.is_ok())
}
