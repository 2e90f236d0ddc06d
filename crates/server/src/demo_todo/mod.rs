//! The built-in todo API: an API as an owner would offer it, plain HTTP and without a line about
//! keys or sign-ins. A list for each caller, as the identity header of the server in front says.
//!
//! It reads that header without verifying it, as a program may that only the server in front can
//! reach; others verify it with the server's public keys. Routes: `/todos`, `/todos/{id}`,
//! `/openapi.yaml`, and for tests `/slow`, which never answers.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cli::args::DemoTodoArgs;
use crate::demo_model::Seen;

/// Its OpenAPI document.
pub const OPENAPI: &str = include_str!("openapi.yaml");

/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// The most things on a list.
const MOST_TODOS: usize = 1_000;
/// The most lists.
const MOST_LISTS: usize = 1_000;
/// The largest body, in bytes.
const BODY_MAX: usize = 64 * 1_024;
/// How many requests are remembered.
const REMEMBERED: usize = 100;

/// A running todo API. Dropped, it stops at once.
pub struct DemoTodo {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl DemoTodo {
    /// Starts it on the current runtime; port 0 takes a free one.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let app = axum::Router::new()
            .route("/openapi.yaml", get(describe))
            .route("/todos", get(list).post(add))
            .route("/todos/{id}", delete(remove))
            .route("/slow", get(never))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), remember))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move {
            // It ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, serving })
    }

    /// Its origin, for example `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The last requests, the oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.iter().cloned().collect()
    }
}

impl Drop for DemoTodo {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Runs the todo API as a process of its own until it is asked to stop; prints `ready URL`.
pub async fn run(args: &DemoTodoArgs) -> anyhow::Result<()> {
    let todo = DemoTodo::start(args.listen).await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    {
        use std::io::Write;
        let mut out = io::stdout().lock();
        writeln!(out, "ready {}", todo.url())?;
        out.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

#[derive(Default)]
struct Shared(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    next: u64,
    by_owner: BTreeMap<String, BTreeMap<u64, String>>,
    seen: VecDeque<Seen>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what came, for tests.
async fn remember(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.");
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (method, headers) = (parts.method.to_string(), parts.headers.clone());
    {
        let mut state = shared.state();
        if state.seen.len() == REMEMBERED {
            state.seen.pop_front();
        }
        state.seen.push_back(Seen { method, path, headers, body: body.clone() });
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

async fn describe() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"))], OPENAPI)
        .into_response()
}

async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let owner = owner(&headers);
    let state = shared.state();
    let todos = state.by_owner.get(&owner);
    let items: Vec<Value> = todos
        .into_iter()
        .flatten()
        .map(|(id, title)| json!({ "id": id, "title": title }))
        .collect();
    answer(StatusCode::OK, &json!({ "owner": owner, "todos": items }))
}

async fn add(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let title = body.get("title").and_then(Value::as_str).unwrap_or_default().trim();
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        return refusal(StatusCode::BAD_REQUEST, "A title has 1 to 200 characters.");
    }
    let owner = owner(&headers);
    let mut state = shared.state();
    if !state.by_owner.contains_key(&owner) && state.by_owner.len() >= MOST_LISTS {
        return refusal(StatusCode::INSUFFICIENT_STORAGE, "There are too many lists.");
    }
    state.next += 1;
    let id = state.next;
    let todos = state.by_owner.entry(owner).or_default();
    if todos.len() >= MOST_TODOS {
        return refusal(StatusCode::INSUFFICIENT_STORAGE, "The list is full.");
    }
    todos.insert(id, title.to_owned());
    answer(StatusCode::CREATED, &json!({ "id": id, "title": title }))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Response {
    let owner = owner(&headers);
    let mut state = shared.state();
    match state.by_owner.get_mut(&owner).and_then(|todos| todos.remove(&id)) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => refusal(StatusCode::NOT_FOUND, "There is nothing of this number on the list."),
    }
}

/// Never answers.
async fn never() -> Response {
    std::future::pending().await
}

fn refusal(status: StatusCode, what: &str) -> Response {
    answer(status, &json!({ "error": what }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], body.to_string()).into_response()
}

/// Whose list it is: the subject of the identity header.
fn owner(headers: &HeaderMap) -> String {
    let read = || {
        let token = headers.get("tollgate-identity")?.to_str().ok()?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims.get("sub").and_then(Value::as_str).map(str::to_owned)
    };
    read().unwrap_or_else(|| "nobody".to_owned())
}
