//! The way to upstreams: HTTP/1.1 over connections that are used again, no redirects followed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use thread_local::ThreadLocal;
use tollgate_kernel::{Error, Kind, Slug};
use tower::{Service, ServiceExt};

use crate::fetch::{Client, DocumentUrl};
use crate::pool::{Pool, UpstreamBody, UpstreamConnection};
use crate::wire::Wire;

/// How long a connection to an upstream may take to stand, with its name found and its TLS agreed.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection to an upstream is kept that nobody uses.
const REST: Duration = Duration::from_secs(90);

/// What is sent.
pub(crate) struct UpstreamRequest {
    /// To which scheme, host and port.
    pub(crate) origin: Arc<Uri>,
    /// The request, whose target is a path.
    pub(crate) request: Request<Full<Bytes>>,
}

/// The client for all upstreams.
pub(crate) struct Transport {
    connector: HttpsConnector<HttpConnector>,
    /// For each thread its own. A connection is read where it was made: another thread that used
    /// it would be woken for each answer.
    pools: ThreadLocal<Arc<Pool>>,
    /// The same of connections that were made within the guard.
    guarded: ThreadLocal<Arc<Pool>>,
    /// How long a connection that nobody uses is kept.
    rest: Duration,
    /// How long a new one may take to stand.
    connect: Duration,
}

impl Transport {
    /// A client that trusts whom `tls` trusts.
    pub(crate) fn new(tls: rustls::ClientConfig) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        // Shared out among the addresses of a name: one that is dead leaves time for another.
        http.set_connect_timeout(Some(CONNECT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let (pools, guarded) = (ThreadLocal::new(), ThreadLocal::new());
        Self { connector, pools, guarded, rest: REST, connect: CONNECT }
    }

    /// Sends a request, with the first poll of the answer.
    pub(crate) fn send(&self, outgoing: UpstreamRequest) -> Sending {
        let pool = self.pools.get_or(|| Pool::start(self.rest)).clone();
        let way = Way { by: By::Connector(self.connector.clone()), patience: self.connect };
        Sending(Box::pin(send(outgoing, pool, way)))
    }

    /// The same to an address that others have named, `url`: each new connection is made by
    /// `client`, within its guard.
    pub(crate) fn send_guarded(
        &self,
        outgoing: UpstreamRequest,
        client: Arc<Client>,
        url: DocumentUrl,
    ) -> Sending {
        let pool = self.guarded.get_or(|| Pool::start(self.rest)).clone();
        let way = Way { by: By::Guarded(client, Box::new(url)), patience: self.connect };
        Sending(Box::pin(send(outgoing, pool, way)))
    }
}

/// TLS that trusts the public roots and `extra_roots` (DER).
pub(crate) fn tls(extra_roots: &[Vec<u8>]) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in extra_roots {
        roots.add(root.clone().into()).map_err(Error::internal)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The answer of an upstream, on its way.
pub(crate) struct Sending(Pin<Box<dyn Future<Output = Answer> + Send>>);

type Answer = Result<Response<UpstreamBody>, SendError>;

impl Future for Sending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

/// The upstream gave no answer. This says nothing of what the request held.
pub(crate) struct SendError {
    /// Whether the request may have been read.
    pub(crate) connected: bool,
    cause: String,
}

impl SendError {
    /// The same for callers of `upstream`.
    pub(crate) fn into_error(self, upstream: &Slug) -> Error {
        self.told_of(&format!("The model provider {upstream}"))
    }

    /// The same for callers of what is called `title` in sentences.
    pub(crate) fn told_of(self, title: &str) -> Error {
        let what = if self.connected { "broke the connection" } else { "cannot be reached" };
        Error::new(Kind::UpstreamFailed, format!("{title} {what}.")).with_source(self.cause)
    }
}

async fn send(outgoing: UpstreamRequest, pool: Arc<Pool>, way: Way) -> Answer {
    let UpstreamRequest { origin, mut request } = outgoing;
    loop {
        let (mut connection, is_new) = match pool.take(&origin) {
            Some(connection) => (connection, false),
            None => (Box::pin(way.connect(Uri::clone(&origin))).await?, true),
        };
        let mut failed = match connection.answer(request).await {
            Ok(answer) => {
                return Ok(answer.map(|body| UpstreamBody::new(body, connection, pool, origin)));
            }
            Err(failed) => failed,
        };
        let cause = failed.error().to_string();
        match failed.take_message() {
            // It was closed while nobody used it: another connection may do.
            Some(unsent) if !is_new => request = unsent,
            unsent => return Err(SendError { connected: unsent.is_none(), cause }),
        }
    }
}

/// How new connections are made.
struct Way {
    by: By,
    patience: Duration,
}

/// Who makes them.
enum By {
    /// The connector, wherever the owner's upstreams are.
    Connector(HttpsConnector<HttpConnector>),
    /// The guarded client, to the host of this address.
    Guarded(Arc<Client>, Box<DocumentUrl>),
}

impl Way {
    async fn connect(&self, origin: Uri) -> Result<Box<UpstreamConnection>, SendError> {
        let made = async {
            let io = match &self.by {
                By::Connector(connector) => {
                    let mut connector = connector.clone();
                    let connector = connector.ready().await.map_err(unreachable)?;
                    connector.call(origin).await.map_err(unreachable)?
                }
                By::Guarded(client, url) => client.open(url).await.map_err(unreachable)?,
            };
            let wire = Wire::of(io);
            let (send, connection) = http1::handshake(wire).await.map_err(unreachable)?;
            Ok(UpstreamConnection::new(send, connection))
        };
        tokio::time::timeout(self.patience, made).await.map_err(unreachable)?
    }
}

fn unreachable(cause: impl ToString) -> SendError {
    SendError { connected: false, cause: cause.to_string() }
}

#[cfg(test)]
#[expect(clippy::expect_used, clippy::panic, reason = "tests")]
#[path = "transport/tests.rs"]
mod tests;
