//! Model providers: where they are, with our key for each, and the pooled client that reaches them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tollgate_kernel::{Error, Kind, Secret, Slug};

type Https = hyper_rustls::HttpsConnector<HttpConnector>;

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
    scheme: Scheme,
    authority: Authority,
    /// The path of the base URL without a slash at its end.
    base_path: String,
    key_header: HeaderName,
    key_value: Option<HeaderValue>,
    key: Option<Secret>,
    patience: Patience,
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
        let key_value = key.as_ref().map(|key| header_value(&key_header, key)).transpose()?;
        let base_path = path.path().trim_end_matches('/').to_owned();
        Ok(Self { id, scheme, authority, base_path, key_header, key_value, key, patience })
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
    pub(crate) fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// A request to `path` below the base URL, with our key and nothing of the caller's but
    /// `passed`.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        passed: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut target = String::with_capacity(self.base_path.len() + path.len());
        target.push_str(&self.base_path);
        target.push_str(path);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(Error::internal)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        *headers = passed;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("tollgate"));
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        if let Some(value) = &self.key_value {
            headers.insert(self.key_header.clone(), value.clone());
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
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<Https, Full<Bytes>>,
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
            .build(https);
        Ok(Self { client })
    }

    /// Sends `request`; the error says nothing of what it held.
    pub(crate) async fn send(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.client
            .request(request)
            .await
            .map_err(|error| SendError { connected: !error.is_connect(), cause: error.to_string() })
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
