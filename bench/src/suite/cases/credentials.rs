//! What the other credentials cost beside a key.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use http::{HeaderName, HeaderValue, header};
use tollgate_bench::load::Load;
use tollgate_kernel::{PlainToken, Scope, SessionId, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_protocol::jwt::AccessClaims;
use tollgate_store::{AuditEvent, NewSession};

use super::{Bench, figure};
use crate::report::Row;
use crate::stage::{House, Stage, Wish, alias, bearer};

/// How long sessions and tokens last: longer than the case.
const LIFE: Duration = Duration::from_secs(3_600);

/// CPU per call with a JWT and with a session that were seen before, over a key.
pub(super) async fn compare(bench: &Bench) -> Result<Vec<Row>> {
    let model = bench.place.model().await?;
    let stage = Stage::fresh(&bench.place.work, model.url(), Wish::USUAL).await?;
    let (sessions, tokens) = signed_in(&stage).await?;
    let tollgate = bench.place.tollgate(&stage, &[]).await?;
    let load = |credentials| bench.load(&tollgate, alias("mock/fixed")?, credentials);
    let key = load(stage.keys()?)?;
    let jwt = load(tokens)?;
    let mut rows = vec![row(bench, "a JWT", &key, &jwt).await?];
    let mut session = load(sessions)?;
    session.carrier = header::COOKIE;
    session.headers = vec![
        (header::ORIGIN, HeaderValue::from_str(&stage.public_url())?),
        (HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("same-origin")),
    ];
    rows.push(row(bench, "a session", &key, &session).await?);
    Ok(rows)
}

async fn row(bench: &Bench, name: &str, key: &Load, other: &Load) -> Result<Row> {
    let cpu = figure(&bench.compare(key, other).await?, "cpu_us_per_call")?;
    let what = format!("CPU per call with {name} that was seen before, over a key");
    let note = format!("CPU {:.1} and {:.1} µs a call (key, {name})", cpu.a.median, cpu.b.median);
    Ok(Row::new("credentials", &what, (1.1, "×"), cpu.ratio).with(bench.rounds, note))
}

/// What everybody's calls carry.
type Carried = Arc<[HeaderValue]>;

/// A session cookie and an access token of everybody.
async fn signed_in(stage: &Stage) -> Result<(Carried, Carried)> {
    let house = House::open(stage).await?;
    let (mut cookies, mut tokens) = (Vec::new(), Vec::new());
    for user in stage.people() {
        let (cookie, token) = sign_in(&house, user).await?;
        cookies.push(HeaderValue::from_str(&format!("tollgate={}", cookie.expose()))?);
        tokens.push(bearer(&token)?);
    }
    house.close().await?;
    Ok((cookies.into(), tokens.into()))
}

/// What signing in and `POST /api/v1/tokens` would give.
async fn sign_in(house: &House, user: UserId) -> Result<(PlainToken, PlainToken)> {
    let House { gate, warrant, .. } = house;
    let (cookie, hash) = gate.new_token(TokenType::Session);
    let id = SessionId::new(&**gate.clock(), &**gate.rng());
    let now = gate.clock().now();
    let session = NewSession {
        id,
        hash: *hash.as_bytes(),
        user,
        expires_at: now.plus(LIFE),
        network: None,
        agent: None,
    };
    let mut tx = gate.begin(warrant).await?;
    tx.insert_session(session).await?;
    tx.commit(AuditEvent::new("bench.session", format!("user:{user}"))).await?;
    let claims = AccessClaims {
        iss: String::new(),
        sub: user.to_string(),
        aud: gate.models_audience(),
        exp: now.plus(LIFE).secs(),
        iat: now.secs(),
        nbf: None,
        jti: id.uuid().to_string(),
        client_id: "bench".to_owned(),
        scope: Some(Scope::MODELS.to_owned()),
        sid: Some(id.uuid().to_string()),
        models: None,
        key: None,
        budget: None,
        grant: None,
        auth_time: None,
    };
    Ok((cookie, gate.mint(warrant, claims)?))
}
