//! A server on a Unix socket that notes what it is asked and answers what it was told: tests look
//! at requests, not at what a whole server makes of them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixListener;

use super::api::Manager;
use super::screen::Screen;
use crate::cli::args::{Cli, Verb};
use crate::exit::Exit;

/// What a command line did.
pub(super) struct Seen {
    /// `METHOD /path?query`, and the body as JSON (null where there was none).
    pub(super) requests: Vec<(String, Value)>,
    /// What stands on stdout.
    pub(super) out: String,
    /// What stands on stderr.
    pub(super) talk: String,
    /// How it ended.
    pub(super) end: Result<(), Exit>,
}

/// How a command line is run.
#[derive(Default)]
pub(super) struct Stage {
    /// Answers, in order: status and body.
    pub(super) answers: Vec<(u16, String)>,
    /// What somebody types; `None`: nobody is there.
    pub(super) typed: Option<&'static str>,
    /// What stdin has, with nobody there.
    pub(super) piped: &'static str,
    /// How wide the terminal is.
    pub(super) width: Option<u16>,
    /// Where the server listens.
    pub(super) listen: Option<SocketAddr>,
}

impl Stage {
    /// Answers with these bodies, and 200.
    pub(super) fn answering(bodies: impl IntoIterator<Item = Value>) -> Self {
        let answers = bodies.into_iter().map(|body| (200, body.to_string())).collect();
        Self { answers, ..Self::default() }
    }

    /// Runs `line`.
    pub(super) async fn run(self, line: &str) -> io::Result<Seen> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(io::Error::other)?;
        let Verb::Manage(verb) = cli.verb else { return Err(io::Error::other("no management")) };
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("tollgate.sock");
        let listener = UnixListener::bind(&socket)?;
        let record = Arc::new(Record::default());
        *lock(&record.answers) = self.answers;
        let serving = tokio::spawn(serve(listener, record.clone()));
        let (out, talk) = (Sink::default(), Sink::default());
        let input = self.typed.unwrap_or(self.piped);
        let screen = Screen {
            json: cli.global.json,
            quiet: cli.global.quiet,
            yes: cli.global.yes,
            width: self.width,
            attended: self.typed.is_some(),
            input: Box::new(io::Cursor::new(input)),
            out: Box::new(out.clone()),
            talk: Box::new(talk.clone()),
        };
        let listen = self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 1).into());
        let mut manager = Manager { socket, listen, screen };
        let end = super::act(&mut manager, &verb).await;
        serving.abort();
        let requests = std::mem::take(&mut *lock(&record.requests));
        Ok(Seen { requests, out: out.text(), talk: talk.text(), end })
    }
}

#[derive(Default)]
struct Record {
    answers: Mutex<Vec<(u16, String)>>,
    requests: Mutex<Vec<(String, Value)>>,
}

async fn serve(listener: UnixListener, record: Arc<Record>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let record = record.clone();
        let answer = service_fn(move |request| answer(record.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

async fn answer(
    record: Arc<Record>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let asked = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    lock(&record.requests).push((asked, body));
    let mut answers = lock(&record.answers);
    let none_left = || (500, "no answer is left".to_owned());
    let (status, body) = if answers.is_empty() { none_left() } else { answers.remove(0) };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let id = http::HeaderValue::from_static("req-1");
    response.headers_mut().insert("x-request-id", id);
    Ok(response)
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0)).into_owned()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
