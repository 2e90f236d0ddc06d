//! What the server says of itself: whether it lives, whether it can work, and what it offers.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use tollgate_edge::{Dialect, Reply, Row, bind, reply};
use tollgate_gate::Gate;
use tollgate_kernel::Access;

/// `/livez`, `/readyz` and `/healthz`.
pub fn rows(gate: &Arc<Gate>) -> Vec<Row> {
    let rows = vec![
        Row::get("/", Access::Public, "Lead to a person's own page", front).ignores_credentials(),
        Row::get("/livez", Access::Public, "Tell whether the process lives", live)
            .ignores_credentials()
            .dialect(Dialect::Problem),
        Row::get("/readyz", Access::Public, "Tell whether calls can be served", ready)
            .ignores_credentials()
            .dialect(Dialect::Problem),
        Row::get("/healthz", Access::Public, "Tell whether calls can be served", ready)
            .ignores_credentials()
            .dialect(Dialect::Problem),
    ];
    bind(rows, gate)
}

/// `/`: a person's own page; who is not signed in is sent on to sign in.
async fn front() -> Reply {
    reply::see_other("/account")
}

/// `/openapi.json`, made from `rows`.
pub fn description(rows: &[Row], origin: &str) -> Row {
    let document = tollgate_edge::openapi(rows, origin, env!("CARGO_PKG_VERSION"));
    let text: Arc<str> = document.to_string().into();
    let row = Row::get("/openapi.json", Access::Public, "Describe every route", describe)
        .ignores_credentials()
        .dialect(Dialect::Problem);
    let mut bound = bind(vec![row], &text);
    bound.remove(0)
}

async fn describe(State(text): State<Arc<str>>) -> Reply {
    Ok(reply::typed("application/json", text.to_string()))
}

async fn live() -> Reply {
    Ok(reply::typed("text/plain; charset=utf-8", "live\n"))
}

async fn ready(State(gate): State<Arc<Gate>>) -> Reply {
    let (status, words) = match gate.is_ready().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    let mut response = reply::typed("text/plain; charset=utf-8", words);
    *response.status_mut() = status;
    Ok(response)
}
