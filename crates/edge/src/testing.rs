//! What the tests of this crate share: an edge with fakes around it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use tollgate_gate::{Came, Claim, Once, OnceAsked, Presented, Principal};
use tollgate_kernel::{Access, Error, Kind, ManualClock, Network, Noun, SeededRng, Timestamp};
use url::Url;

use crate::log::tests::Paper;
use crate::page::Assets;
use crate::reply::{self, Reply};
use crate::{
    App, Authenticator, CsrfKeys, Edge, Hosts, NetworkBook, NetworkLimits, Parts, Peer, Replays,
    RequestLog, Row, Style, TrustedProxies,
};

/// Principals are made by the gate alone, so here every credential is refused, with this kind.
/// Whole-server tests have the gate.
pub(crate) struct Refusing(pub(crate) Kind);

impl Authenticator for Refusing {
    fn authenticate(
        &self,
        _: Presented,
        _: Network,
    ) -> BoxFuture<'_, Result<Arc<Principal>, Error>> {
        let error = Error::new(self.0, "Refused by the test.");
        async move { Err(error) }.boxed()
    }

    fn anonymous(&self, _: Network) -> Arc<Principal> {
        std::panic::resume_unwind(Box::new("no principal can be made here"))
    }
}

/// Without a principal nothing gets so far.
impl Replays for Refusing {
    fn claim<'a>(&'a self, _: OnceAsked<'a>) -> BoxFuture<'a, Result<Claim, Error>> {
        let error = Error::new(self.0, "Refused by the test.");
        async move { Err(error) }.boxed()
    }

    fn conclude(&self, _: Once, _: Came) -> BoxFuture<'_, Result<(), Error>> {
        async move { Ok(()) }.boxed()
    }
}

/// A token is its binding, reversed.
pub(crate) struct Reversed;

impl CsrfKeys for Reversed {
    fn token(&self, binding: &str) -> String {
        binding.chars().rev().collect()
    }

    fn matches(&self, binding: &str, token: &str) -> bool {
        self.token(binding) == token
    }
}

pub(crate) const ORIGIN: &str = "https://ai.example.com";

/// An edge at `public_url`, and its log.
pub(crate) fn edge(public_url: &str, kind: Kind, hosts: Hosts) -> (Arc<Edge>, Paper) {
    let paper = Paper::default();
    let log = RequestLog::start(paper.clone(), Style::Json).expect("a thread");
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
    let edge = Edge::new(Parts {
        public_url: Url::parse(public_url).expect("a url"),
        brand: "Tollgate".to_owned(),
        trusted_proxies: TrustedProxies::default(),
        hosts,
        clock: clock.clone(),
        rng: Arc::new(SeededRng::new(1)),
        authenticator: Arc::new(Refusing(kind)),
        csrf: Arc::new(Reversed),
        log,
        assets: Assets::shell(),
        nav: Vec::new(),
        networks: NetworkBook::new(NetworkLimits::LAX, clock),
        replays: Arc::new(Refusing(kind)),
        guests: Arc::new(crate::NoGuests),
    });
    (edge, paper)
}

/// Every header that the handler sees, one for each line.
pub(crate) async fn echo(headers: HeaderMap) -> Reply {
    let lines: Vec<String> = headers.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
    Ok(reply::typed("text/plain; charset=utf-8", lines.join("\n")))
}

const KEYS: Noun = Noun::Keys;

/// Rows of every kind.
pub(crate) fn rows() -> Vec<Row> {
    use tollgate_kernel::Manage;
    let read = Manage::read(KEYS);
    let write = Manage::write(KEYS);
    vec![
        Row::get("/echo", Access::Public, "Echo", echo).ignores_credentials(),
        Row::get("/v1/echo", Access::Public, "Echo", echo).ignores_credentials(),
        Row::get("/v1/models", Access::Models, "List models", echo),
        Row::post("/v1/chat/completions", Access::Models, "Chat", echo),
        Row::get("/api/v1/keys", Access::Api(read), "List keys", echo),
        Row::post("/api/v1/keys", Access::Api(write), "Make a key", echo),
        Row::get("/account/keys", Access::Page(read), "My keys", echo),
        Row::post("/account/keys", Access::Page(write), "Make a key", echo),
    ]
}

/// The rows at https, where every credential is refused as unknown.
pub(crate) fn app() -> App {
    app_with(rows())
}

/// These rows at https.
pub(crate) fn app_with(rows: Vec<Row>) -> App {
    let (edge, _) = edge(ORIGIN, Kind::Unauthenticated, Hosts::Any);
    App::build(rows, edge).expect("rows that fit")
}

/// A request from 9.9.9.9 with these headers.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(Peer::ip([9, 9, 9, 9].into()));
    request
}

/// The body as text.
pub(crate) async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A header as text, empty if it is not there.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}
