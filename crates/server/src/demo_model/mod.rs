//! The built-in demo model: a provider of OpenAI's wire that answers people with a few friendly
//! words and tests with whatever they ask for, and that meters honestly what it used and wrote.
//!
//! Routes: `GET /v1/models`, `POST /v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, and
//! `GET /meter` with the meter's totals. It answers to every model's name; names that start with
//! `mock/` tell it what to do ([`Control`]). The model `mock/fixed` answers chat requests with the
//! same kilobyte every time, for benches; its input counts as [`FIXED_INPUT_TOKENS`].
//!
//! A token is a word with the white space after it ([`tokens`]). The input is the text of all
//! messages; the output is each piece of content that was written. Both count in the usage that it
//! reports and in its own meter, but the meter counts output by the bytes that the operating system
//! took for sending, so it is right too when an answer is cut.

mod answer;
mod chat;
mod control;
mod embeddings;
mod meter;
mod responses;
mod script;
mod service;
mod text;
mod wire;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::Either;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_kernel::{Clock, SystemClock};

pub use control::{Control, Echo, End, Fault, Input, Spend, Told};
pub use meter::{Line, Totals, read as read_meter};
pub use text::tokens;

use crate::cli::args::DemoModelArgs;
use meter::Meter;
use script::{Chunk, Script};
use service::Body;
use text::Words;
use wire::{Socket, Wire};

/// The input tokens of every call of `mock/fixed`.
pub const FIXED_INPUT_TOKENS: u64 = 100;

/// How to run the demo model.
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The key that callers must present; `None`: anybody may call.
    pub api_key: Option<String>,
    /// The file that gets a line for each finished or cut call.
    pub meter: Option<PathBuf>,
    /// The names in its list of models.
    pub models: Vec<String>,
    /// Whether the last requests are kept for [`DemoModel::seen`].
    pub remember: bool,
    /// The time in its answers.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key: None,
            meter: None,
            models: vec!["tollgate-demo".to_owned(), "tollgate-demo-embedding".to_owned()],
            remember: false,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A running demo model. Dropped, it stops at once.
pub struct DemoModel {
    address: SocketAddr,
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl DemoModel {
    /// Starts it on the current runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let meter = Meter::new(options.meter.as_deref())?;
        let fixed = fixed_body();
        let inner = Arc::new(Inner { options, meter, fixed, seen: Mutex::default() });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, inner.clone(), stop.clone(), tasks.clone()));
        Ok(Self { address, inner, stop, tasks })
    }

    /// Its origin, for example `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What an SDK takes as base URL: the origin and `/v1`.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// What the meter came to so far. When [`Totals::open`] is 0 all calls are in it.
    pub fn totals(&self) -> Totals {
        self.inner.meter.totals()
    }

    /// The last 1,000 requests, the oldest first, if [`Options::remember`] says so.
    pub fn seen(&self) -> Vec<Seen> {
        let seen = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().cloned().collect()
    }

    /// Stops it, cutting all connections, and waits until the meter is complete.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for DemoModel {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs the demo model as a process of its own until it is asked to stop; prints `ready URL`.
pub async fn run(args: &DemoModelArgs) -> anyhow::Result<()> {
    let model = DemoModel::start(Options {
        listen: args.listen,
        api_key: args.api_key.clone(),
        meter: args.meter.clone(),
        ..Options::default()
    })
    .await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    {
        use std::io::Write;
        let mut out = io::stdout().lock();
        writeln!(out, "ready {}", model.url())?;
        out.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    model.stop().await;
    Ok(())
}

struct Inner {
    options: Options,
    meter: Arc<Meter>,
    /// The answer of `mock/fixed`, and its tokens.
    fixed: (Bytes, u64),
    seen: Mutex<VecDeque<Seen>>,
}

impl Inner {
    const REMEMBERED: usize = 1_000;

    fn remember(&self, seen: impl FnOnce() -> Seen) {
        if self.options.remember {
            let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() == Self::REMEMBERED {
                all.pop_front();
            }
            all.push_back(seen());
        }
    }

    /// The fixed answer, if that is what `body` asks for.
    fn fixed(&self, wire: &Wire, body: &[u8]) -> Option<Response<Body>> {
        let asked = memchr::memmem::find(body, b"\"mock/fixed\"").is_some();
        if !asked || memchr::memmem::find(body, b"\"stream\"").is_some() {
            return None;
        }
        let (text, tokens) = &self.fixed;
        let mut call = self.meter.open("chatcmpl", "mock/fixed");
        call.line.status = 200;
        call.line.input_tokens = FIXED_INPUT_TOKENS;
        wire.begin(call);
        let chunk = Chunk::content(text.clone(), *tokens).reporting(true);
        let mut response = Response::new(Either::Right(Script::fixed(chunk, wire.clone())));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        Some(response)
    }
}

/// About a kilobyte.
fn fixed_body() -> (Bytes, u64) {
    const TOKENS: u64 = 100;
    let text = Words::for_people(FIXED_INPUT_TOKENS).text(TOKENS);
    let body = serde_json::json!({
        "id": "chatcmpl-fixed", "object": "chat.completion", "created": 1_763_710_500,
        "model": "mock/fixed", "service_tier": "default", "system_fingerprint": null,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text,
            "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": FIXED_INPUT_TOKENS, "completion_tokens": TOKENS,
            "total_tokens": FIXED_INPUT_TOKENS + TOKENS,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}},
    });
    (Bytes::from(body.to_string()), TOKENS)
}

async fn accept(
    listener: TcpListener,
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, inner.clone(), stop.clone()));
            }
            // Out of file descriptors, most likely: let some connections end.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, inner: Arc<Inner>, stop: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let wire = Wire::default();
    let socket = TokioIo::new(Socket::new(stream, wire.clone()));
    let service = service_fn(move |request| service::answer(inner.clone(), wire.clone(), request));
    let serving = http1::Builder::new().serve_connection(socket, service);
    tokio::select! {
        () = stop.cancelled() => {}
        // A caller who hangs up, or a fault that a test asked for, is no error of ours.
        _ = serving => {}
    }
}

#[cfg(test)]
mod tests;
