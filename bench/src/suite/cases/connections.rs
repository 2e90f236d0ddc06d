//! What a call through a person's connection costs beside the bare proxy.

use std::sync::Arc;

use anyhow::{Context, Result};
use http::HeaderValue;
use tollgate_gate::{Facts, Install, Said};
use tollgate_kernel::{
    ConnectionId, ConnectionState, InstallId, InstallState, Secret, Timestamp, UserId,
};
use tollgate_protocol::plugin_host::{Auth, Manifest, Root, Scheme};
use tollgate_store::{AuditEvent, ConnectionRecord, InstallRecord};
use url::Url;

use super::{Bench, CHAT, figure};
use crate::report::Row;
use crate::stage::{House, Stage, Wish};

/// What the tool is given for the person.
const TOKEN: &str = "bench-token-of-the-person";

/// CPU per call of somebody else's tool with a token of the person's that is sealed here.
pub(super) async fn call(bench: &Bench) -> Result<Vec<Row>> {
    const MODEL: &str = "mock/fixed";
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let connection = connected(&stage, model.url()).await?;
    // The tool is on this machine.
    let settings = stage.data().join("tollgate.toml");
    std::fs::write(&settings, "[dev]\nloopback_tools = true\n")?;
    let settings = settings.to_str().context("a folder with an odd name")?;
    let bare = bench.place.bare(&model).await?;
    let tollgate = bench.place.tollgate(&stage, &["--config", settings]).await?;
    // A connection is one person's.
    let keys = stage.keys()?;
    let key: Arc<[HeaderValue]> = keys.iter().take(1).cloned().collect();
    let bare = bench.load(&bare, MODEL, key.clone())?;
    let mut ours = bench.load(&tollgate, MODEL, key)?;
    ours.path = format!("/connections/{connection}{CHAT}");
    let figures = bench.compare(&bare, &ours).await?;
    let cpu = figure(&figures, "cpu_us_per_call")?;
    let (calls, p50) = (figure(&figures, "calls_per_s")?, figure(&figures, "p50_us")?);
    let note = format!(
        "CPU {:.1} and {:.1} µs a call; {:.0} and {:.0} calls/s, p50 {:.0} and {:.0} µs (bare, \
         ours)",
        cpu.a.median, cpu.b.median, calls.a.median, calls.b.median, p50.a.median, p50.b.median
    );
    let what = "CPU per call through a connection with everything on (key, plan, rates, the \
                person's token opened and looked for, entry, request log), over the bare proxy";
    Ok(vec![Row::new("connection", what, (2.0, "×"), cpu.ratio).with(bench.rounds, note)])
}

/// The tool at `api`, installed, and the first person's connection to it.
async fn connected(stage: &Stage, api: &str) -> Result<ConnectionId> {
    let house = House::open(stage).await?;
    let House { gate, warrant, .. } = &house;
    let now = gate.clock().now();
    let install = installed(InstallId::new(&**gate.clock(), &**gate.rng()), api, now)?;
    let user = stage.people().next().context("nobody is there")?;
    let connection = ConnectionId::new(&**gate.clock(), &**gate.rng());
    let mut connection = of_person(connection, &install, user, now);
    let token = Secret::new(TOKEN.to_owned());
    connection.access_sealed = Some(gate.seal_connection_token(warrant, &connection, &token)?);
    let mut tx = gate.begin(warrant).await?;
    tx.put_install(&install.stored()?).await?;
    tx.put_connection(&connection).await?;
    tx.commit(AuditEvent::new("bench.connection", "connection:bench")).await?;
    house.close().await?;
    Ok(connection.id)
}

/// A tool whose people each have a token, as it is once it was found and taken.
fn installed(id: InstallId, api: &str, now: Timestamp) -> Result<Install> {
    let manifest_url = format!("{api}/.well-known/ai-plugin.json");
    let root = Root::of(&Url::parse(api)?).context("an API without a host")?;
    let manifest = Manifest {
        name_for_model: "bench".to_owned(),
        name_for_human: "Bench".to_owned(),
        description_for_model: "Answers.".to_owned(),
        description_for_human: "Answers.".to_owned(),
        auth: Auth::UserHttp { scheme: Scheme::Bearer },
        api_url: format!("{api}/openapi.yaml"),
        logo_url: None,
        contact: String::new(),
        legal: String::new(),
    };
    let record = InstallRecord {
        id,
        domain: root.host().to_owned(),
        name: manifest.name_for_human.clone(),
        auth: manifest.auth.name().to_owned(),
        facts: String::new(),
        state: InstallState::Active(now),
        client_id: None,
        secret_sealed: None,
        secret_version: 0,
        verification_token: None,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let facts = Facts {
        asked_url: manifest_url.clone(),
        manifest_url,
        root,
        manifest,
        api_base: api.to_owned(),
        spec_hash: String::new(),
        paths: 1,
        warnings: Vec::new(),
        confirmed_hosts: Vec::new(),
        said: Said::default(),
    };
    Ok(Install { record, facts, waiting: None, secret_for: None })
}

fn of_person(
    id: ConnectionId,
    install: &Install,
    user: UserId,
    now: Timestamp,
) -> ConnectionRecord {
    ConnectionRecord {
        id,
        install: install.record.id,
        user,
        state: ConnectionState::Active,
        access_sealed: None,
        refresh_sealed: None,
        secret_version: 1,
        expires_at: None,
        issuer: Some(install.facts.secret_goes_to()),
        created_at: now,
        updated_at: now,
        version: 0,
    }
}
