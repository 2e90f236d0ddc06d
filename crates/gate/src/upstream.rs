//! Model providers: where they are, with our key for each, and the pooled client that reaches them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tollgate_kernel::{Error, Kind, Secret, Slug};
use tollgate_protocol::openai::Route;
use tower::util::MapResponse;

use crate::scan::Needle;
use crate::trouble::Troubles;
use crate::wire::Wire;

/// The route that lists an upstream's models.
pub(crate) const MODELS: &str = "/models";

type Https = hyper_rustls::HttpsConnector<HttpConnector>;

/// Makes connections.
type Connector = MapResponse<Https, fn(MaybeHttpsStream<TokioIo<TcpStream>>) -> Wire>;

/// How long an upstream may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(90);

/// How patient we are with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the head of an answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // The official SDKs wait ten minutes for an answer, so we do.
        Self { first_byte: Duration::from_secs(600), silence: Duration::from_secs(600) }
    }
}

/// A model provider, ready to be called. Our key for it is in here: it has no `Debug`.
pub struct Upstream {
    id: Slug,
    /// Where its routes are.
    routes: Vec<(&'static str, Uri)>,
    /// What every request carries: our key among it.
    headers: HeaderMap,
    /// Our key, to look for in its answers.
    needle: Option<Arc<Needle>>,
    patience: Patience,
    /// The version of the record that it was read from.
    version: i64,
    /// What the owner should mend.
    pub(crate) troubles: Arc<Troubles>,
}

impl Upstream {
    /// A provider at `base_url`; `key` goes out in `header`, as a bearer token when that is
    /// `authorization`.
    pub(crate) fn new(
        id: Slug,
        base_url: &str,
        header: &str,
        key: Option<Secret>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let at_fault = |what: &'static str| Error::invalid(what).with_param("base_url");
        let uri: Uri = base_url.parse().map_err(|_| at_fault("the base URL is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS);
        let scheme =
            scheme.ok_or_else(|| at_fault("the base URL starts with https:// or http://"))?;
        let authority = parts.authority.ok_or_else(|| at_fault("the base URL names no host"))?;
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() || authority.as_str().contains('@') {
            return Err(at_fault("the base URL has neither a query nor a user name"));
        }
        let key_header = HeaderName::try_from(header)
            .map_err(|_| Error::invalid("that is not the name of a header").with_param("header"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("tollgate"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &key {
            let value = header_value(&key_header, key)?;
            headers.insert(key_header, value);
        }
        let base = path.path().trim_end_matches('/');
        let paths = Route::ALL.into_iter().map(Route::path).chain([MODELS]);
        let routes = paths.map(|path| {
            let uri = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
            let uri = uri.path_and_query(format!("{base}{path}")).build();
            uri.map(|uri| (path, uri)).map_err(|_| at_fault("the base URL is not a URL"))
        });
        let routes = routes.collect::<Result<_, _>>()?;
        let (version, troubles) = (0, Arc::default());
        let needle = key.as_ref().and_then(Needle::of);
        Ok(Self { id, routes, headers, needle, patience, version, troubles })
    }

    /// The same, read from `version` of its record. What troubled it when it was read from that
    /// version `before` still does.
    pub(crate) fn of_version(mut self, version: i64, before: Option<&Self>) -> Self {
        self.version = version;
        if let Some(before) = before.filter(|before| before.version == version) {
            self.troubles = before.troubles.clone();
        }
        self
    }

    /// Whether it is what `other` is: read from the same version of the same record.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.version == other.version && self.place() == other.place()
    }

    /// Where its list of models is.
    pub(crate) fn place(&self) -> Option<&Uri> {
        self.routes.iter().find(|(route, _)| *route == MODELS).map(|(_, uri)| uri)
    }

    /// Its name.
    pub fn id(&self) -> &Slug {
        &self.id
    }

    /// How patient we are with it.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// Our key for it, to look for in its answers.
    pub(crate) fn needle(&self) -> Option<&Arc<Needle>> {
        self.needle.as_ref()
    }

    /// A request to `path` below the base URL, with our key and nothing of the caller's but
    /// `passed`.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &'static str,
        passed: &HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let found = self.routes.iter().find(|(known, _)| *known == path);
        let (_, uri) = found.ok_or_else(|| Error::internal("no such route at an upstream"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        for (name, value) in passed {
            headers.append(name, value.clone());
        }
        Ok(request)
    }
}

fn header_value(name: &HeaderName, key: &Secret) -> Result<HeaderValue, Error> {
    let text = if *name == AUTHORIZATION {
        format!("Bearer {}", key.expose())
    } else {
        key.expose().to_owned()
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Error::invalid("the key holds characters that no header can carry").with_param("api_key")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The client for all upstreams: pooled connections, HTTP/1.1, no redirects followed.
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
}

impl Transport {
    /// A client that trusts the public roots and `extra_roots` (DER).
    pub(crate) fn new(extra_roots: &[Vec<u8>]) -> Result<Self, Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for root in extra_roots {
            roots.add(root.clone().into()).map_err(Error::internal)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(1_024)
            .build(MapResponse::new(https, Wire::of as fn(_) -> _));
        Ok(Self { client })
    }

    /// Sends `request`, with the first poll of the answer.
    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> Sending {
        Sending(self.client.request(request))
    }
}

/// The answer of an upstream, on its way. The error says nothing of what the request held.
pub(crate) struct Sending(ResponseFuture);

impl Future for Sending {
    type Output = Result<Response<Incoming>, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = |error: legacy::Error| SendError {
            connected: !error.is_connect(),
            cause: error.to_string(),
        };
        Pin::new(&mut self.0).poll(context).map_err(told)
    }
}

/// The upstream gave no answer.
pub(crate) struct SendError {
    /// Whether a connection stood, so that the request may have been read.
    pub(crate) connected: bool,
    cause: String,
}

impl SendError {
    /// The same for callers of `upstream`.
    pub(crate) fn into_error(self, upstream: &Slug) -> Error {
        let what = if self.connected { "broke the connection" } else { "cannot be reached" };
        Error::new(Kind::UpstreamFailed, format!("The model provider {upstream} {what}."))
            .with_source(self.cause)
    }
}
