//! What the server says of itself: whether it lives, whether it can work, and what it offers.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use tollgate_edge::{Dialect, Reply, Route, Row, bind, openapi, reply};
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

/// `/openapi.json`, made from `rows` when somebody asks for it first: most servers never are.
pub fn description(rows: &[Row], origin: &str) -> Row {
    let routes = rows.iter().map(|row| row.route().clone()).collect();
    let description = Description { routes, origin: origin.to_owned(), text: OnceLock::new() };
    let row = Row::get("/openapi.json", Access::Public, "Describe every route", describe)
        .ignores_credentials()
        .dialect(Dialect::Problem);
    let mut bound = bind(vec![row], &Arc::new(description));
    bound.remove(0)
}

/// What is described.
struct Description {
    routes: Vec<Route>,
    origin: String,
    text: OnceLock<Bytes>,
}

async fn describe(State(description): State<Arc<Description>>) -> Reply {
    let Description { routes, origin, text } = &*description;
    let made = || openapi(routes, origin, env!("CARGO_PKG_VERSION")).to_string().into();
    Ok(reply::typed("application/json", text.get_or_init(made).clone()))
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
