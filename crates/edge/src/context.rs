//! What all requests share ([`Edge`]), and what belongs to one of them ([`Exchange`]).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::header::HOST;
use http::{HeaderMap, Uri, request};
use tollgate_gate::Principal;
use tollgate_kernel::{Clock, Error, Kind, Network, RequestId, Rng, Slug};
use url::Url;

use crate::cookies::CookieNames;
use crate::csrf::{self, CsrfKeys, Origins};
use crate::error::Fault;
use crate::guard::Authenticator;
use crate::guests::{Guests, NoGuests};
use crate::headers::Said;
use crate::limits::{Attempt, Guess, NetworkBook};
use crate::log::{Note, RequestLog};
use crate::network::TrustedProxies;
use crate::once::Replays;
use crate::page::{Assets, NavItem};
use crate::router::Post;
use crate::traffic::Traffic;

/// Which `Host` headers are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// All of them: a name, or a proxy, in front decides.
    Any,
    /// Names of this machine and the public URL's host alone: what a listener on loopback asks
    /// for, because a page can point a name of its own at 127.0.0.1 (T73).
    Local,
}

/// What [`Edge`] is made of.
pub struct Parts {
    /// The one public origin. Its scheme decides about cookies and HSTS.
    pub public_url: Url,
    /// The installation's name, as pages show it.
    pub brand: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Which `Host` headers are answered.
    pub hosts: Hosts,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness of request ids and pre-session cookies.
    pub rng: Arc<dyn Rng>,
    /// Who says who a credential belongs to.
    pub authenticator: Arc<dyn Authenticator>,
    /// The keys of form tokens.
    pub csrf: Arc<dyn CsrfKeys>,
    /// Where request lines go.
    pub log: RequestLog,
    /// Stylesheets and scripts: [`Assets::shell`], and what doors add.
    pub assets: Assets,
    /// The navigation of the page shell, from left to right.
    pub nav: Vec<NavItem>,
    /// How often networks have tried what is limited.
    pub networks: Arc<NetworkBook>,
    /// Who knows which requests were done once already.
    pub replays: Arc<dyn Replays>,
    /// Who answers at names and paths that are not our own.
    pub guests: Arc<dyn Guests>,
}

/// What all requests share.
pub struct Edge {
    pub(crate) brand: String,
    pub(crate) trusted: TrustedProxies,
    hosts: Hosts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) csrf: Arc<dyn CsrfKeys>,
    pub(crate) log: RequestLog,
    pub(crate) assets: Assets,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) networks: Arc<NetworkBook>,
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) guests: Arc<dyn Guests>,
    pub(crate) origins: Origins,
    pub(crate) traffic: Traffic,
    public_host: Option<String>,
    https: bool,
}

impl Edge {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { public_url, brand, trusted_proxies, hosts, clock, rng, .. } = parts;
        Arc::new(Self {
            brand,
            trusted: trusted_proxies,
            hosts,
            clock,
            rng,
            authenticator: parts.authenticator,
            csrf: parts.csrf,
            log: parts.log,
            assets: parts.assets,
            nav: parts.nav,
            networks: parts.networks,
            replays: parts.replays,
            guests: parts.guests,
            origins: Origins::new(&public_url),
            traffic: Traffic::new(),
            public_host: public_url.host_str().map(str::to_owned),
            https: public_url.scheme() == "https",
        })
    }

    /// An edge for a listener on loopback beside this one: it believes no proxy, answers names of
    /// this machine alone, so that no page can look by a name of its own, and counts by itself.
    pub fn beside(&self) -> Arc<Self> {
        Arc::new(Self {
            brand: self.brand.clone(),
            trusted: TrustedProxies::default(),
            hosts: Hosts::Local,
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
            authenticator: Arc::clone(&self.authenticator),
            csrf: Arc::clone(&self.csrf),
            log: self.log.clone(),
            assets: Assets::shell(),
            nav: Vec::new(),
            networks: Arc::clone(&self.networks),
            replays: Arc::clone(&self.replays),
            guests: Arc::new(NoGuests),
            origins: self.origins.clone(),
            traffic: Traffic::new(),
            public_host: None,
            https: self.https,
        })
    }

    /// Whether browsers reach this installation by https.
    pub fn https(&self) -> bool {
        self.https
    }

    /// The public origin, without a slash at its end.
    pub fn origin(&self) -> &str {
        self.origins.public()
    }

    /// The names and attributes of our cookies.
    pub fn cookies(&self) -> CookieNames {
        CookieNames::new(self.https)
    }

    /// The address of the stylesheet or script called `name`.
    pub fn asset(&self, name: &str) -> String {
        self.assets.path(name)
    }

    /// How many requests were answered, and how.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Refuses a request for a host that is not ours, where only local ones are answered.
    pub(crate) fn check_host(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Error> {
        if self.hosts == Hosts::Any {
            return Ok(());
        }
        let said = headers.get(HOST).map(|host| host.to_str().unwrap_or("?"));
        let ours = match said.or_else(|| uri.authority().map(|a| a.as_str())) {
            None => true,
            Some(host) => csrf::is_local(host) || self.public_host.as_deref() == name(host),
        };
        if ours {
            return Ok(());
        }
        Err(Error::new(
            Kind::CrossSite,
            "This server answers to names of this machine only. Set server.public_url to use \
             another one.",
        ))
    }
}

/// A `Host` without its port.
fn name(host: &str) -> Option<&str> {
    match host.rsplit_once(':') {
        Some((name, _)) => Some(name),
        None => Some(host),
    }
}

/// One request and its answer. Handlers take it as an extractor.
#[derive(Clone)]
pub struct Exchange(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) edge: Arc<Edge>,
    pub(crate) id: RequestId,
    pub(crate) network: Network,
    pub(crate) uid: Option<u32>,
    /// What its headers say to us alone.
    pub(crate) said: Said,
    pub(crate) started: Duration,
    pub(crate) note: Note,
    /// The row that answers, once it is found.
    pub(crate) post: OnceLock<Arc<Post>>,
    /// Who asks, once it is known; never on rows that do not look at credentials.
    pub(crate) caller: OnceLock<Arc<Principal>>,
}

impl Exchange {
    /// What all requests share.
    pub fn edge(&self) -> &Arc<Edge> {
        &self.0.edge
    }

    /// The answer's `x-request-id`.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// Where the request comes from.
    pub fn network(&self) -> Network {
        self.0.network
    }

    /// Counts a request of somebody who says nothing of who they are, on a row that does not look
    /// at credentials. An error where their network has made too many.
    pub fn count_stranger(&self) -> Result<(), Error> {
        self.edge().networks.count_at(Attempt::Anonymous, self.network().counted())
    }

    /// Counts a guess at a secret of `tool` that somebody else chose, before anything is looked up:
    /// an error where their network has made too many at that tool, be this one right or wrong. Of
    /// many at once no more than the limit get through. It counts on only if it was wrong.
    pub fn count_guess(&self, tool: &Slug) -> Result<Guess, Error> {
        self.edge().networks.guess(tool, self.network().counted())
    }

    /// The request's line in the log, to add fields to.
    pub fn note(&self) -> &Note {
        &self.0.note
    }

    /// Who asks, where the row looks at credentials.
    pub(crate) fn caller(&self) -> Option<&Arc<Principal>> {
        self.0.caller.get()
    }

    /// The exchange that `extensions` belong to.
    pub(crate) fn of(extensions: &http::Extensions) -> Result<Self, Error> {
        let found = extensions.get::<Self>().cloned();
        found.ok_or_else(|| Error::internal("a handler runs outside of App::handle"))
    }
}

impl<S: Sync> FromRequestParts<S> for Exchange {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Fault> {
        Ok(Self::of(&parts.extensions)?)
    }
}
