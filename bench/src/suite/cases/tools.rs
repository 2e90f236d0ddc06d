//! What a call of a tool costs beside the bare proxy.

use std::sync::Arc;

use anyhow::Result;
use http::HeaderValue;
use tollgate_kernel::{KeyId, Rates, Secret, Slug, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{
    AuditEvent, HttpScheme, KeyHolder, NewKey, NewSecret, ToolAuth, ToolRecord, UpstreamAuth,
};

use super::{Bench, CHAT, figure};
use crate::report::Row;
use crate::stage::{House, Stage, Wish, bearer};

const TOOL: &str = "bench";

/// CPU per call of a tool that people call with keys of their own, and that has a secret of ours.
pub(super) async fn call(bench: &Bench) -> Result<Vec<Row>> {
    const MODEL: &str = "mock/fixed";
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let keys = offered(&stage, model.url()).await?;
    let bare = bench.place.bare(&model).await?;
    let tollgate = bench.place.tollgate(&stage, &[]).await?;
    // The API behind is the mock model by its own names: the same bytes both ways.
    let bare = bench.load(&bare, MODEL, keys.clone())?;
    let mut ours = bench.load(&tollgate, MODEL, keys)?;
    ours.path = format!("/tools/{TOOL}{CHAT}");
    let figures = bench.compare(&bare, &ours).await?;
    let cpu = figure(&figures, "cpu_us_per_call")?;
    let (calls, p50) = (figure(&figures, "calls_per_s")?, figure(&figures, "p50_us")?);
    let note = format!(
        "CPU {:.1} and {:.1} µs a call; {:.0} and {:.0} calls/s, p50 {:.0} and {:.0} µs (bare, \
         ours)",
        cpu.a.median, cpu.b.median, calls.a.median, calls.b.median, p50.a.median, p50.b.median
    );
    let what = "CPU per call of a tool with everything on (key, plan, rates, signed identity, \
                our secret looked for, entry, request log), over the bare proxy";
    Ok(vec![Row::new("tool", what, (1.9, "×"), cpu.ratio).with(bench.rounds, note)])
}

/// The tool, and a key of everybody for it.
async fn offered(stage: &Stage, api: &str) -> Result<Arc<[HeaderValue]>> {
    let house = House::open(stage).await?;
    let House { gate, warrant, .. } = &house;
    let auth = ToolAuth::UserHttp { scheme: HttpScheme::Bearer };
    let mut tool = ToolRecord::new(Slug::parse(TOOL)?, api.to_owned(), auth);
    let secret = Secret::new("Bearer sk-bench-tool-secret".to_owned());
    tool.upstream_auth = Some(UpstreamAuth::Header { name: "authorization".to_owned() });
    tool.upstream_auth_sealed = Some(gate.seal_tool_auth(warrant, &tool.id, 1, &secret)?);
    let mut tx = gate.begin(warrant).await?;
    tx.insert_tool(&tool).await?;
    let mut keys = Vec::new();
    for user in stage.people() {
        let (token, hash) = gate.new_token(TokenType::User);
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        tx.insert_key(key(&house, user, &tool.id), secret).await?;
        keys.push(bearer(&token)?);
    }
    tx.commit(AuditEvent::new("bench.tool", "tool:bench")).await?;
    house.close().await?;
    Ok(keys.into())
}

fn key(house: &House, user: UserId, tool: &Slug) -> NewKey {
    NewKey {
        id: KeyId::new(&**house.gate.clock(), &**house.gate.rng()),
        name: "bench".to_owned(),
        holder: KeyHolder::User(user),
        tool: Some(tool.clone()),
        models: None,
        networks: None,
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: None,
    }
}
