//! One request and its whole answer, over a connection of its own to an address that was checked.
//! No proxy, no cookie, no redirect, no second use of a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Host;

use super::fault::Fault;
use super::guard::Guard;
use super::network::Network;
use super::url::DocumentUrl;

/// How long connecting to where a document is may take, over all addresses of the name.
const CONNECT: Duration = Duration::from_secs(2);

/// How many addresses of the name of a document's host are tried.
const TRIES: usize = 3;

/// The most that the head of an answer with a document may hold, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// A connection, with TLS or without.
pub(crate) type Io = MaybeHttpsStream<TokioIo<TcpStream>>;

/// What is asked.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: DocumentUrl,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    /// Asks for a document, and sends nothing along.
    pub(crate) fn get(url: DocumentUrl) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// The most of an answer that is read, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) body_bytes: usize,
    pub(crate) total: Duration,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Asks, within its guard.
pub(crate) struct Client {
    guard: Guard,
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts whom `tls` trusts.
    pub(crate) fn new(guard: Guard, network: Arc<dyn Network>, tls: rustls::ClientConfig) -> Self {
        Self { guard, network, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// Asks, and reads the answer whatever its status is.
    pub(crate) async fn ask(&self, ask: Ask, bounds: Bounds) -> Result<Answer, Fault> {
        timeout(bounds.total, self.asked(ask, bounds.body_bytes)).await.map_err(|_| Fault::Late)?
    }

    async fn asked(&self, ask: Ask, body_bytes: usize) -> Result<Answer, Fault> {
        let io = self.open(&ask.url).await?;
        answer(io, ask, body_bytes).await
    }

    /// A connection to where `url` is, to an address that was checked.
    pub(crate) async fn open(&self, url: &DocumentUrl) -> Result<Io, Fault> {
        let addresses = self.addresses(url).await?;
        let tcp = TokioIo::new(self.connect(url, addresses).await?);
        if !url.is_tls() {
            return Ok(Io::Http(tcp));
        }
        let name = match url.host() {
            Host::Domain(name) => ServerName::try_from(name.to_owned()).map_err(unreachable)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
        };
        let tls = self.tls.connect(name, TokioIo::new(tcp)).await.map_err(unreachable)?;
        Ok(Io::Https(TokioIo::new(tls)))
    }

    /// All addresses of the host, each of them checked.
    async fn addresses(&self, url: &DocumentUrl) -> Result<Vec<IpAddr>, Fault> {
        self.guard.check_name(url)?;
        let addresses = match (url.literal(), url.host()) {
            (Some(address), _) => vec![address],
            // Many resolvers do not know the names below `localhost`.
            (None, Host::Domain(_)) if url.is_localhost() => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            (None, Host::Domain(name)) => self.network.resolve(name).await.map_err(unreachable)?,
            (None, _) => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(Fault::Unreachable("no address".to_owned()));
        }
        self.guard.check(url, &addresses)?;
        Ok(addresses)
    }

    /// A connection to one of the addresses that were checked, whatever the name leads to by now.
    async fn connect(&self, url: &DocumentUrl, addresses: Vec<IpAddr>) -> Result<TcpStream, Fault> {
        let tries = addresses.len().clamp(1, TRIES);
        let patience = CONNECT / u32::try_from(tries).unwrap_or(1);
        let mut cause = String::new();
        for address in addresses.into_iter().take(tries) {
            let made = self.network.connect(SocketAddr::new(address, url.port()));
            match timeout(patience, made).await {
                Ok(Ok(stream)) => {
                    let ends = (stream.local_addr(), stream.peer_addr());
                    if let (Ok(local), Ok(peer)) = ends {
                        self.guard.check_made(url, local, peer)?;
                    }
                    return Ok(stream);
                }
                Ok(Err(error)) => cause = error.to_string(),
                Err(late) => cause = late.to_string(),
            }
        }
        Err(Fault::Unreachable(cause))
    }
}

async fn answer(io: Io, ask: Ask, body_bytes: usize) -> Result<Answer, Fault> {
    let host = HeaderValue::try_from(ask.url.authority()).map_err(broken)?;
    let mut request = Request::new(Full::new(ask.body));
    *request.method_mut() = ask.method;
    *request.uri_mut() = ask.url.target().parse().map_err(broken)?;
    *request.headers_mut() = ask.headers;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("tollgate"));
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES);
    let (mut send, connection) = http.handshake(io).await.map_err(broken)?;
    let read = async move {
        let (head, body) = send.send_request(request).await.map_err(broken)?.into_parts();
        let promised =
            head.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        if promised.is_some_and(|promised: usize| promised > body_bytes) {
            return Err(Fault::TooLarge);
        }
        let body = Limited::new(body, body_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Fault::TooLarge } else { broken(error) }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    };
    // The connection is driven beside its one request. Where it ends first, the request finds out.
    let driven = async {
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        biased;
        answer = read => answer,
        answer = driven => answer,
    }
}

fn unreachable(cause: impl ToString) -> Fault {
    Fault::Unreachable(cause.to_string())
}

fn broken(cause: impl ToString) -> Fault {
    Fault::Broken(cause.to_string())
}
