//! Model providers: where they are, with our key for each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tollgate_kernel::{Error, Secret, Slug};
use tollgate_protocol::openai::Route;

use crate::scan::Needle;
use crate::transport::UpstreamRequest;
use crate::trouble::Troubles;

/// The route that lists an upstream's models.
pub(crate) const MODELS: &str = "/models";

/// Where OpenAI's own models are served: by OpenAI, and by Azure under names that anybody chooses.
const THEIR_DOMAINS: [&str; 3] = ["openai.com", "azure.com", "azure-api.net"];

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
    /// The scheme, host and port of all its routes.
    origin: Arc<Uri>,
    /// Where its routes are there.
    routes: Vec<(&'static str, Uri)>,
    /// Where its list of models is.
    place: Uri,
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
        let uri: Uri = base_url.parse().map_err(not_a_url)?;
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
        headers.insert(HOST, host_of(&scheme, &authority)?);
        let base = path.path().trim_end_matches('/');
        let at = |path: &str| {
            let uri = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
            uri.path_and_query(path).build().map_err(not_a_url)
        };
        let paths = Route::ALL.into_iter().map(Route::path).chain([MODELS]);
        let route = |path| Ok((path, format!("{base}{path}").parse().map_err(not_a_url)?));
        let routes = paths.map(route).collect::<Result<_, Error>>()?;
        let (origin, place) = (Arc::new(at("/")?), at(&format!("{base}{MODELS}"))?);
        let (version, troubles) = (0, Arc::default());
        let needle = key.as_ref().and_then(Needle::of);
        Ok(Self { id, origin, routes, place, headers, needle, patience, version, troubles })
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
    pub(crate) fn place(&self) -> &Uri {
        &self.place
    }

    /// Its name.
    pub fn id(&self) -> &Slug {
        &self.id
    }

    /// Whether a chat with `model` that gives no limit is told one as `max_tokens`. Every server of
    /// this wire reads that, and some nothing else, but for OpenAI's models that reason, which
    /// refuse it: they are known by where they are, or behind a gateway by their names.
    pub(crate) fn reads_max_tokens(&self, model: &str) -> bool {
        let host = self.origin.host().unwrap_or_default();
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_theirs = |domain: &&str| host == **domain || host.ends_with(&format!(".{domain}"));
        let name = model.rsplit_once('/').map_or(model, |(_, name)| name);
        let has_their_name = match name.as_bytes() {
            [b'o', digit, ..] => digit.is_ascii_digit(),
            // Their open models run on others' servers.
            _ if name.starts_with("gpt-oss") => false,
            _ => name.starts_with("gpt-") || name.starts_with("chatgpt-"),
        };
        !has_their_name && !THEIR_DOMAINS.iter().any(is_theirs)
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
    ) -> Result<UpstreamRequest, Error> {
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
        Ok(UpstreamRequest { origin: self.origin.clone(), request })
    }
}

fn at_fault(what: &'static str) -> Error {
    Error::invalid(what).with_param("base_url")
}

fn not_a_url<E>(_: E) -> Error {
    at_fault("the base URL is not a URL")
}

/// What the header `Host` says: no port where it goes without saying (RFC 9110, 7.2).
pub(crate) fn host_of(scheme: &Scheme, authority: &Authority) -> Result<HeaderValue, Error> {
    let port = authority.port_u16().filter(|port| *port != default_port(scheme));
    let host = match port {
        Some(_) => authority.as_str(),
        None => authority.host(),
    };
    HeaderValue::try_from(host).map_err(Error::internal)
}

fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn m5_the_limit_that_is_added_is_one_that_the_server_reads() {
        let reads = |base_url: &str, model: &str| {
            let id = Slug::parse("x").unwrap();
            let patience = Patience::default();
            let upstream = Upstream::new(id, base_url, "authorization", None, patience).unwrap();
            upstream.reads_max_tokens(model)
        };
        for base_url in [
            "https://api.openai.com/v1",
            "https://eu.api.OpenAI.com./v1",
            "https://us.openai.azure.com/openai/v1",
            "https://x.services.ai.azure.com/models",
        ] {
            assert!(!reads(base_url, "my-deployment"), "{base_url}");
        }
        let gateway = "https://gateway.example.com/v1";
        for model in ["o3-mini", "openai/o4-mini", "gpt-5.4", "openai/gpt-4.1", "chatgpt-4o"] {
            assert!(!reads(gateway, model), "{model}");
        }
        for model in ["gpt-oss-20b", "openai/gpt-oss-120b", "llama3.1:8b", "olmo-2", "mistral"] {
            assert!(reads(gateway, model), "{model}");
            assert!(reads("http://127.0.0.1:11434/v1", model), "{model}");
        }
        assert!(reads("https://notopenai.com/v1", "m"));
        assert!(reads("https://openai.com.example.com/v1", "m"));
    }
}
