//! Finding a tool by its domain: manifest and OpenAPI document, and where its API is.

use std::time::Duration;

use tollgate_kernel::{Error, Kind};
use tollgate_protocol::plugin_host::{
    Auth, MAX_BYTES, MAX_SPEC_BYTES, Published, Refusal, Root, Source, may_lead, read, read_api,
};
use tollgate_vault::Vault;
use url::{Host, Url};

use super::{Facts, Said};
use crate::fetch::{Document, DocumentForm, DocumentUrl, Fault, FetchTerms, Redirects};
use crate::{Gate, Warrant};

/// How long a manifest and an OpenAPI document may each take.
const PATIENCE: Duration = Duration::from_secs(15);

const MANIFEST: FetchTerms = FetchTerms {
    body_bytes: MAX_BYTES,
    patience: PATIENCE,
    redirects: Redirects::UpToThree,
    form: DocumentForm::Any,
};

const SPEC: FetchTerms = FetchTerms { body_bytes: MAX_SPEC_BYTES, ..MANIFEST };

/// Where the manifest of a domain is.
const WELL_KNOWN: &str = "/.well-known/ai-plugin.json";

/// A manifest that was found, where it was found.
pub(super) struct Found {
    pub(super) url: Url,
    pub(super) root: Root,
    pub(super) published: Published,
}

impl Gate {
    /// What the tool at `place` (a domain, or the address of a manifest) publishes. Nothing is
    /// kept.
    pub async fn find_tool(&self, _: &Warrant, place: &str) -> Result<Facts, Error> {
        let asked = manifest_url(place)?;
        let found = self.manifest(&asked).await?;
        self.facts(&asked, found).await
    }

    /// The manifest at `asked`, as it is now: who asks is the owner, who may just have mended it.
    pub(super) async fn manifest(&self, asked: &Url) -> Result<Found, Error> {
        let address = self.named(asked)?;
        let document = self.fetcher.fetch_fresh(address, MANIFEST).await;
        let Document { url, hops, body } = document.map_err(|fault| missing(asked, fault))?;
        let url = url.url().clone();
        let all: Vec<&Url> = hops.iter().map(DocumentUrl::url).chain([&url]).collect();
        for pair in all.windows(2) {
            if let [from, to] = pair
                && !may_lead(from, to)
            {
                let host = to.host_str().unwrap_or_default();
                let what = format!("The manifest leads to another domain: {host}.");
                return Err(refused(Refusal { code: "redirect_forbidden", message: what }));
            }
        }
        let root = Root::of(&url).ok_or_else(|| Error::internal("a document without a host"))?;
        let source = self.source(&url, &root);
        let published = read(&body, &source).map_err(refused)?;
        Ok(Found { url, root, published })
    }

    /// What was read of a manifest, with its OpenAPI document.
    pub(super) async fn facts(&self, asked: &Url, found: Found) -> Result<Facts, Error> {
        let Found { url, root, published } = found;
        let Published { manifest, mut warnings, .. } = published;
        let source = self.source(&url, &root);
        let at = Url::parse(&manifest.api_url).map_err(Error::internal)?;
        let address = self.beside(&at, &url)?;
        let document =
            self.fetcher.fetch_fresh(address, SPEC).await.map_err(|fault| missing(&at, fault))?;
        let came_from = document.url.url();
        if !root.holds(came_from) {
            let what = "The OpenAPI document leads outside the domain of the manifest.".to_owned();
            return Err(refused(Refusal { code: "api_url_outside", message: what }));
        }
        let api = read_api(&document.body, came_from, &source).map_err(refused)?;
        warnings.extend(api.warnings);
        warnings.truncate(100);
        let is_secret = !matches!(manifest.auth, Auth::None);
        let plain = api.base.starts_with("http:");
        if is_secret && plain && !self.connect.loopback_tools {
            let what = "A secret cannot be sent without TLS.".to_owned();
            return Err(refused(Refusal { code: "not_https", message: what }));
        }
        let spec_hash = hex(&Vault::sha256(&document.body));
        Ok(Facts {
            asked_url: asked.to_string(),
            manifest_url: url.to_string(),
            root,
            manifest,
            api_base: api.base,
            spec_hash,
            paths: api.paths,
            warnings,
            confirmed_hosts: Vec::new(),
            said: Said::default(),
        })
    }

    /// Whether tools on this machine may have every mode (`dev.loopback_tools`).
    pub fn tools_on_loopback(&self) -> bool {
        self.connect.loopback_tools
    }

    pub(super) fn source<'a>(&self, url: &'a Url, root: &'a Root) -> Source<'a> {
        Source { url, root, loopback_tools: self.connect.loopback_tools }
    }

    /// An address that the owner named.
    pub(super) fn named(&self, url: &Url) -> Result<DocumentUrl, Error> {
        let url = DocumentUrl::of_owner(url).map_err(|error| error.with_param("domain"))?;
        Ok(if self.connect.loopback_tools { url.of_tool() } else { url })
    }

    /// An address that a manifest at `by` names: of its own origin it is as good as that.
    pub(super) fn beside(&self, url: &Url, by: &Url) -> Result<DocumentUrl, Error> {
        let below = is_loopback(url) && is_loopback(by);
        if url.origin() == by.origin() || below {
            return self.named(url);
        }
        DocumentUrl::parse(url.as_str()).map_err(|error| error.with_param("domain"))
    }
}

/// The address of the manifest of what the owner typed.
fn manifest_url(place: &str) -> Result<Url, Error> {
    let place = place.trim();
    let odd = || {
        let what = "A tool is named by its domain, such as example.com, or by the address of its \
                    manifest.";
        Error::invalid(what).with_param("domain")
    };
    if place.len() > 2_048 || place.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(odd());
    }
    if place.starts_with("https://") || place.starts_with("http://") {
        let mut url = Url::parse(place).map_err(|_| odd())?;
        if url.path() == "/" && url.query().is_none() {
            url.set_path(WELL_KNOWN);
        }
        return plain(url).ok_or_else(odd);
    }
    if place.is_empty() || place.contains(['/', '\\', '?', '#', '@']) {
        return Err(odd());
    }
    let with = |scheme: &str| Url::parse(&format!("{scheme}://{place}{WELL_KNOWN}")).ok();
    let url = with("https").and_then(plain).ok_or_else(odd)?;
    // On this machine there are no certificates.
    if is_loopback(&url) { with("http").ok_or_else(odd) } else { Ok(url) }
}

fn plain(url: Url) -> Option<Url> {
    let nobody = url.username().is_empty() && url.password().is_none();
    (nobody && url.fragment().is_none() && url.host().is_some()).then_some(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What a tool publishes cannot be used.
pub(super) fn refused(refusal: Refusal) -> Error {
    Error::invalid(format!("This tool is not installed: {refusal}")).with_param("domain")
}

fn missing(url: &Url, fault: Fault) -> Error {
    let host = url.host_str().unwrap_or_default();
    let what = match &fault {
        Fault::Late => "is too slow.",
        Fault::Unreachable(_) => "cannot be reached.",
        Fault::Refused => {
            "is at an address that this server may not speak to (outbound.allow permits private \
             networks)."
        }
        Fault::TooLarge => "publishes more than is read.",
        Fault::Redirected => "leads elsewhere, and may not.",
        Fault::Status(_) | Fault::NotJson | Fault::Broken(_) => "does not answer as it should.",
    };
    let kind = if fault == Fault::Late { Kind::UpstreamTimeout } else { Kind::UpstreamFailed };
    let path: String = url.path().chars().take(100).collect();
    let what = format!("The tool at {host} {what} {path} was asked for ({}).", fault.code());
    Error::new(kind, what).with_source(fault).with_param("domain")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_named_by_domain_or_address() {
        let at = |place: &str| manifest_url(place).map(String::from).ok();
        let well = |origin: &str| Some(format!("{origin}{WELL_KNOWN}"));
        assert_eq!(at(" Example.COM "), well("https://example.com"));
        assert_eq!(at("example.com:8443"), well("https://example.com:8443"));
        assert_eq!(at("localhost:9"), well("http://localhost:9"));
        assert_eq!(at("todo.localhost:9"), well("http://todo.localhost:9"));
        assert_eq!(at("https://example.com"), well("https://example.com"));
        assert_eq!(at("https://example.com/a.json").unwrap(), "https://example.com/a.json");
        for odd in
            ["", "a b", "example.com/x", "user@example.com", "https://u@example.com/", "a\\b"]
        {
            assert!(at(odd).is_none(), "{odd}");
        }
    }
}
