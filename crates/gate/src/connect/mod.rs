//! Other people's tools: found by their domain, verified, signed in to, and called for the person
//! whose connection it is.
//!
//! What a tool publishes is fetched by the guarded fetcher and carries no secret of ours. A secret
//! is opened here alone, after a record says for what, and goes to whom it was entered for: the
//! token endpoint or the API that are pinned at the install.

mod exchange;
mod find;
mod flights;
mod flow;
mod found;
mod ready;
mod renew;
mod secrets;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use tollgate_kernel::{ConnectionId, Error, Kind, Timestamp, UserId};
use tollgate_protocol::plugin_host::{Auth, Manifest, Root, Scheme, Warning};
use tollgate_store::{ConnectionRecord, Event, EventKind, InstallRecord};
use url::Url;

pub use self::exchange::Redeemed;
use self::flights::Flights;
pub use self::flow::{FLOW_LIFE, Landing};
pub use self::found::Change;
pub use self::verify::Verification;
use crate::fetch::{Budget, Client, DocumentUrl};
use crate::target::{Injected, Target};
use crate::{Live, Patience};

/// How many connections are kept in memory.
const KEPT: usize = 4_096;

/// How patient callers are with a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolPatience {
    /// With an answer of its API.
    pub answer: Patience,
    /// With new tokens, where a call waits for these.
    pub renewal: Duration,
}

impl Default for ToolPatience {
    fn default() -> Self {
        let (first_byte, silence) = (Duration::from_secs(45), Duration::from_secs(60));
        Self { answer: Patience { first_byte, silence }, renewal: Duration::from_secs(15) }
    }
}

/// How many requests to token endpoints of tools are on their way at once.
const AT_ONCE: usize = 64;

/// The same to one of them.
const AT_ONCE_EACH: usize = 16;

/// The name under which a tool publishes our verification token.
pub const VERIFICATION_KEY: &str = "tollgate";

/// What was read of a tool, and what the owner said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where its manifest was asked for.
    pub asked_url: String,
    /// Where it came from in the end.
    pub manifest_url: String,
    /// Its root domain.
    pub root: Root,
    /// What it says.
    pub manifest: Manifest,
    /// Where its API is; calls go nowhere else.
    pub api_base: String,
    /// The hash of its OpenAPI document.
    pub spec_hash: String,
    /// How many paths that names.
    #[serde(default)]
    pub paths: usize,
    /// What is odd.
    pub warnings: Vec<Warning>,
    /// Hosts on other domains that the owner has confirmed.
    #[serde(default)]
    pub confirmed_hosts: Vec<String>,
    /// What the owner set in place of the manifest's.
    #[serde(default)]
    pub said: Said,
}

/// What the owner set in place of what a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Where browsers are sent.
    pub client_url: Option<String>,
    /// The token endpoint.
    pub authorization_url: Option<String>,
    /// What is asked for.
    pub scope: Option<String>,
    /// Whether PKCE is sent along. Servers of 2023 overlook it.
    pub pkce: bool,
    /// Whether the tool may send browsers back without `state`: the sign-in is then known by the
    /// browser alone.
    pub stateless: bool,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            client_url: None,
            authorization_url: None,
            scope: None,
            pkce: true,
            stateless: false,
        }
    }
}

/// Where an OAuth flow goes, as the manifest or the owner says.
pub struct Endpoints<'a> {
    /// Where browsers are sent, byte for byte.
    pub client_url: &'a str,
    /// The token endpoint.
    pub token: Url,
}

impl Facts {
    /// Where the OAuth flow goes; nothing while the owner has to say which address is which.
    pub fn endpoints(&self) -> Option<Endpoints<'_>> {
        let Auth::OAuth(oauth) = &self.manifest.auth else { return None };
        let read = |said: &'_ Option<String>, found: &'_ Option<String>| {
            said.clone().or_else(|| found.clone().filter(|_| !oauth.is_ambiguous))
        };
        let token = read(&self.said.authorization_url, &oauth.authorization_url)?;
        let client_url = match (&self.said.client_url, &oauth.client_url) {
            (Some(said), _) => said,
            (None, Some(found)) if !oauth.is_ambiguous => found,
            _ => return None,
        };
        Some(Endpoints { client_url, token: Url::parse(&token).ok()? })
    }

    /// What is asked for, byte for byte.
    pub fn scope(&self) -> &str {
        match (&self.said.scope, &self.manifest.auth) {
            (Some(said), _) => said,
            (None, Auth::OAuth(oauth)) => &oauth.scope,
            (None, _) => "",
        }
    }

    /// The hosts of the OAuth flow that are on another domain and that nobody has confirmed.
    pub fn unconfirmed_hosts(&self) -> Vec<String> {
        let Some(Endpoints { client_url, token }) = self.endpoints() else { return Vec::new() };
        let mut hosts: Vec<String> = [Url::parse(client_url).ok(), Some(token)]
            .into_iter()
            .flatten()
            .filter(|url| !self.root.is_site_of(url))
            .filter_map(|url| url.host_str().map(str::to_owned))
            .filter(|host| !self.confirmed_hosts.contains(host))
            .collect();
        hosts.dedup();
        hosts
    }

    /// Whom a secret of this tool is entered for, and how it is sent: the token endpoint where it
    /// has one, and the API's origin. It goes nowhere else.
    pub fn secret_goes_to(&self) -> String {
        let token = self.endpoints().map(|endpoints| endpoints.token.to_string());
        let scheme = self.scheme().map(found::named).unwrap_or_default();
        let (mode, token) = (self.manifest.auth.name(), token.unwrap_or_default());
        format!("{mode} {scheme} {token} {}", self.origin())
    }

    /// Where the API is, without its path.
    fn origin(&self) -> String {
        let base = Url::parse(&self.api_base).map(|base| base.origin().ascii_serialization());
        base.unwrap_or_default()
    }

    /// How a credential is sent with a call; nothing where none is.
    pub(crate) fn scheme(&self) -> Option<&Scheme> {
        match &self.manifest.auth {
            Auth::None => None,
            Auth::ServiceHttp { scheme } | Auth::UserHttp { scheme } => Some(scheme),
            Auth::OAuth(_) => Some(&Scheme::Bearer),
        }
    }
}

/// An install with what was read of it.
#[derive(Clone)]
pub struct Install {
    /// The record.
    pub record: InstallRecord,
    /// What was read.
    pub facts: Facts,
    /// What was found since, and waits for the owner to take it; by [`Facts::hash`].
    pub waiting: Option<Facts>,
    /// Whom its secret was entered for, as [`Facts::secret_goes_to`] says it.
    pub secret_for: Option<String>,
}

/// What is kept of a tool in one column.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    facts: Facts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Facts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_for: Option<String>,
}

impl Install {
    /// A tool of which nothing is kept yet.
    pub fn new(record: InstallRecord, facts: Facts) -> Self {
        Self { record, facts, waiting: None, secret_for: None }
    }

    /// Reads what is kept.
    pub fn of(record: InstallRecord) -> Result<Self, Error> {
        let kept = serde_json::from_str(&record.facts).map_err(Error::internal)?;
        let Kept { facts, waiting, secret_for } = kept;
        Ok(Self { record, facts, waiting, secret_for })
    }

    /// The record with what was read in it, for the store.
    pub fn stored(&self) -> Result<InstallRecord, Error> {
        let (facts, waiting) = (self.facts.clone(), self.waiting.clone());
        let kept = Kept { facts, waiting, secret_for: self.secret_for.clone() };
        let facts = serde_json::to_string(&kept).map_err(Error::internal)?;
        Ok(InstallRecord { facts, ..self.record.clone() })
    }

    /// The id of the plugin protocol, by which its redirect URI is known.
    pub fn plugin_id(&self) -> String {
        format!("plugin-{}", self.record.id)
    }

    /// What the owner has still to give, by the names of the management API.
    pub fn needs(&self) -> Vec<&'static str> {
        let mut needs = Vec::new();
        let mut need = |name, is_missing: bool| {
            if is_missing {
                needs.push(name);
            }
        };
        let has_secret = self.record.secret_sealed.is_some();
        match &self.facts.manifest.auth {
            Auth::None | Auth::UserHttp { .. } => {}
            Auth::ServiceHttp { .. } => need("service_token", !has_secret),
            Auth::OAuth(oauth) => {
                let said = &self.facts.said;
                let unsaid = |said: &Option<String>, found: &Option<String>| {
                    said.is_none() && (oauth.is_ambiguous || found.is_none())
                };
                need("client_url", unsaid(&said.client_url, &oauth.client_url));
                need(
                    "authorization_url",
                    unsaid(&said.authorization_url, &oauth.authorization_url),
                );
                need("confirmed_hosts", !self.facts.unconfirmed_hosts().is_empty());
                need("client_id", self.record.client_id.is_none());
                need("client_secret", !has_secret);
            }
        }
        needs
    }
}

/// A connection that may be called through: the proof that it is this person's, that its tool is
/// active, and that there is a credential. Made by [`crate::Gate::connection`].
pub struct Connected {
    pub(crate) record: ConnectionRecord,
    pub(crate) install: Install,
    /// Where its calls go, as new connections are made to it.
    pub(crate) address: DocumentUrl,
    /// Whether its credential was entered for where the tool is now.
    fits: bool,
    /// Ends with it, its tool and its person: then its running answers end.
    pub(crate) live: Arc<Live>,
}

impl Connected {
    /// Where its calls go, with this credential.
    fn target_with(
        &self,
        injected: Option<&Injected>,
        patience: Patience,
    ) -> Result<Target, Error> {
        let title = format!("The tool {}", self.install.record.name);
        Target::new(title, &self.install.facts.api_base, injected, patience)
    }

    /// Whose it is.
    pub(crate) fn user(&self) -> UserId {
        self.record.user
    }

    /// Its id.
    pub fn id(&self) -> ConnectionId {
        self.record.id
    }

    /// What the tool is called.
    pub fn name(&self) -> &str {
        &self.install.record.name
    }
}

/// What connections need beside the store and the vault.
pub(crate) struct Connect {
    kept: Cache<ConnectionId, Arc<Connected>>,
    /// When a tool refused tokens that it gave just before. Apart from what is kept of connections,
    /// which every change makes forgotten.
    refused_at: Cache<ConnectionId, Timestamp>,
    heeded: AtomicU64,
    /// Who asks for new tokens.
    flights: Arc<Flights<Arc<Connected>>>,
    patience: ToolPatience,
    budget: Budget,
    client: Arc<Client>,
    pub(crate) loopback_tools: bool,
}

impl Connect {
    pub(crate) fn new(client: Arc<Client>, loopback_tools: bool, patience: ToolPatience) -> Self {
        let budget = Budget::new(AT_ONCE, AT_ONCE_EACH);
        let (kept, refused_at) = (Cache::new(KEPT), Cache::new(KEPT));
        let (heeded, flights) = (AtomicU64::new(0), Arc::default());
        Self { kept, refused_at, heeded, flights, patience, budget, client, loopback_tools }
    }

    /// Forgets what is not what it was. A change of a tool concerns all that are connected to it,
    /// the end of a person their connections.
    pub(crate) fn heed(&self, event: &Event) {
        match event.kind {
            EventKind::Connection => {
                self.heeded.fetch_add(1, Ordering::SeqCst);
                if let Ok(id) = event.id.parse::<ConnectionId>() {
                    self.kept.remove(&id);
                }
            }
            EventKind::Install | EventKind::User => {
                self.heeded.fetch_add(1, Ordering::SeqCst);
                self.kept.clear();
            }
            _ => {}
        }
    }

    /// Rises with every event that concerns connections. What was read before and is kept after may
    /// be outdated.
    fn heeded(&self) -> u64 {
        self.heeded.load(Ordering::SeqCst)
    }

    /// Keeps what was read, unless an event came in between.
    fn keep(&self, connected: &Arc<Connected>, heeded: u64) {
        if self.heeded() != heeded {
            return;
        }
        self.kept.insert(connected.record.id, connected.clone());
        // An event between the look and this has found nothing to remove.
        if self.heeded() != heeded {
            self.kept.remove(&connected.record.id);
        }
    }
}

/// The tool `name` does not do what it should; `what` goes on after its name.
fn failed(kind: Kind, name: &str, what: &str) -> Error {
    Error::new(kind, format!("The tool {name} {what}"))
}

/// The tool `name` is not where what its owner entered (a token, a secret) was entered for.
fn moved(name: &str, entered: &str) -> Error {
    let what =
        format!("has moved since its {entered} was entered. Its owner here has to enter it anew.");
    failed(Kind::Conflict, name, &what)
}

/// The person has to sign in at the tool again.
pub(crate) fn needs_reauth(name: &str) -> Error {
    let what = "does not accept this connection any more. Its person has to connect it again.";
    failed(Kind::NeedsReauth, name, what)
}
