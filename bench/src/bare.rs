//! The yardstick: a reverse proxy of hyper and nothing else. It reads no body, checks no key, keeps
//! no count; it streams both ways over pooled HTTP/1.1 connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use http::header::{self, HeaderName};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

type Body = BoxBody<Bytes, hyper::Error>;

/// The proxy.
#[derive(Clone)]
pub struct Bare {
    client: Client<HttpConnector, Incoming>,
    upstream: Authority,
}

/// What belongs to one connection and is not forwarded (RFC 9110, 7.6.1), and the host.
const NOT_FORWARDED: [HeaderName; 6] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Bare {
    /// A proxy to the origin `upstream`, for example `http://127.0.0.1:9000`.
    pub fn to(upstream: &str) -> anyhow::Result<Self> {
        let uri: Uri = upstream.parse().context("the upstream is not an address")?;
        let upstream = uri.authority().context("the upstream has no host")?.clone();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, upstream })
    }

    /// Starts to listen; the address is known before the first call is served.
    pub async fn listen(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Serves until the runtime ends.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(self.clone().connection(stream));
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(move |request| {
            let proxy = self.clone();
            async move { Ok::<_, hyper::Error>(proxy.forward(request).await) }
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A caller who hangs up is no fault of the proxy.
        let _ = serving.await;
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Response<Body> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstream.clone());
        let Ok(uri) = Uri::from_parts(parts) else { return status(StatusCode::BAD_REQUEST) };
        *request.uri_mut() = uri;
        for name in &NOT_FORWARDED {
            request.headers_mut().remove(name);
        }
        match self.client.request(request).await {
            Ok(mut response) => {
                for name in &NOT_FORWARDED {
                    response.headers_mut().remove(name);
                }
                response.map(BodyExt::boxed)
            }
            Err(_) => status(StatusCode::BAD_GATEWAY),
        }
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
