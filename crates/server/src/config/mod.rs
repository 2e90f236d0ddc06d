//! The configuration: works without any file. One TOML file, over it the environment
//! (`TOLLGATE__SECTION__KEY`), over it flags; read raw, then checked, all mistakes together.

mod check;
mod declare;
mod declare_clients;
mod problem;
mod raw;
mod raw_plan;
mod raw_tool;
mod schema;
mod show;
mod tools;
mod tree;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::NetworkLimits;
use tollgate_gate::DrainBounds;
use tollgate_kernel::{Budget, Plan, Secret, Slug};
use tollgate_store::{ClientKind, OAuthMembers, ProviderRecord};
use tollgate_tools::ToolChange;
use url::Url;

pub use problem::{Origin, Problem, Problems};

use check::Checker;
use raw::Raw;
use schema::Schema;
use tree::Tree;

/// The word that lets a server start beyond loopback without TLS and without a trusted proxy.
pub const INSECURE_HTTP: &str = "keys-and-passwords-may-be-read-on-the-wire";

/// What a configuration is read from.
#[derive(Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<FileSource>,
    /// All of the environment.
    pub env: BTreeMap<String, String>,
    /// What flags say.
    pub flags: Vec<Override>,
}

/// A configuration file.
pub struct FileSource {
    /// Where it lies; relative paths in it start from its folder.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// A flag that sets a key.
pub struct Override {
    /// The key, for example `server.listen`.
    pub path: String,
    /// Its value, as written.
    pub value: String,
    /// The flag, for example `--listen`.
    pub flag: String,
}

impl Sources {
    /// Reads the file at `path`, if one is named, and this process's environment.
    pub fn of_process(path: Option<&Path>, flags: Vec<Override>) -> Result<Self, Problems> {
        let file = match path {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let message = format!("cannot read {}: {error}", path.display());
                    Problems(vec![Problem {
                        path: String::new(),
                        origin: Origin::Default,
                        message,
                    }])
                })?;
                Some(FileSource { path: path.to_owned(), text })
            }
        };
        // What is not UTF-8 cannot be a setting of ours.
        let env = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Self { file, env: env.collect(), flags })
    }
}

/// The configuration, checked. It holds secrets, so it cannot be printed; see [`Config::shown`].
pub struct Config {
    /// Where the server listens.
    pub server: Server,
    /// Certificates; none: no TLS of our own.
    pub certificates: Vec<Certificate>,
    /// `postgres://…`; `None`: SQLite in the data folder.
    pub store_url: Option<Secret>,
    /// The master key; `None`: kept in the data folder.
    pub master_key: Option<Secret>,
    /// Who may have an account.
    pub accounts: Accounts,
    /// Bounds of requests.
    pub limits: Limits,
    /// Bounds of reading on after a caller hung up.
    pub drain: DrainBounds,
    /// Budgets over all calls together.
    pub installation_budgets: Vec<Budget>,
    /// What the server may reach on its own account.
    pub outbound: Outbound,
    /// The owner's price file.
    pub prices_file: Option<PathBuf>,
    /// The log.
    pub log: Log,
    /// Where `/metrics` answers; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Whether tools on loopback may have authentication modes other than none.
    pub loopback_tools: bool,
    /// Declared model providers.
    pub upstreams: Vec<UpstreamDecl>,
    /// Declared aliases of models.
    pub models: Vec<ModelDecl>,
    /// Declared plans.
    pub plans: Vec<Plan>,
    /// Declared sign-in providers.
    pub providers: Vec<ProviderDecl>,
    /// Declared apps.
    pub clients: Vec<ClientDecl>,
    /// APIs that the file declares.
    pub tools: Vec<ToolChange>,
    shown: Vec<Shown>,
}

impl Config {
    /// Reads and checks a configuration. On failure every mistake is told, with its place.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        read(sources, |checker, raw| checker.config(raw))
    }

    /// Reads and checks where the server listens and lives, and opens no secret and no other file:
    /// for verbs that ask a running server. Keys and values that do not fit are told all the same.
    pub fn load_server(sources: &Sources) -> Result<Server, Problems> {
        read(sources, |checker, raw| checker.server_alone(raw))
    }

    /// Every setting with its value and where that comes from, sorted by key. Secrets are shown by
    /// their place alone.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// Whether somebody has said what `path` is to be: in the file, the environment or a flag.
    pub fn states(&self, path: &str) -> bool {
        // A list of tables has a place for each of their members.
        let inside =
            |place: &str| place.strip_prefix(path).is_some_and(|rest| rest.starts_with('['));
        let said = |shown: &&Shown| shown.path == path || inside(&shown.path);
        self.shown.iter().filter(said).any(|shown| shown.origin != "default")
    }

    /// The JSON Schema (2020-12) of the file.
    pub fn schema() -> serde_json::Value {
        Schema::new().into_value()
    }
}

/// Reads the sources into what `check` takes.
fn read<T>(
    sources: &Sources,
    check: impl FnOnce(Checker<'_>, &Raw) -> Result<T, Problems>,
) -> Result<T, Problems> {
    let mut problems = Problems::default();
    let schema = Schema::new();
    let mut tree = Tree::read(sources, &schema, &mut problems);
    schema.clean(&mut tree.root, &tree.origins, &mut problems);
    match Raw::deserialize(&tree.root) {
        Ok(raw) => check(Checker::new(sources, &tree.origins, problems), &raw),
        Err(error) => {
            problems.add(&tree.origins, "", error.to_string());
            Err(problems)
        }
    }
}

/// A setting, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The key, for example `server.listen`.
    pub path: String,
    /// Its value, as TOML writes it; of a secret only where it comes from.
    pub value: String,
    /// Where it comes from: `FILE:LINE`, `$VARIABLE`, `--flag` or `default`.
    pub origin: String,
}

impl Shown {
    /// Whether it is a secret that the file itself holds.
    pub fn is_secret_in_file(&self) -> bool {
        let elsewhere = self.origin.starts_with('$') || self.origin.starts_with("--");
        self.value == "\"(secret)\"" && !elsewhere
    }
}

/// Where the server listens.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of all data.
    pub data_dir: PathBuf,
    /// Networks of proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long running streams may go on when the server is asked to stop.
    pub shutdown: Duration,
    /// Whether the owner said the ugly word: keys and passwords may cross a network unencrypted.
    pub insecure_http: bool,
    /// What was said; see [`Server::public_url`].
    stated_url: Option<Url>,
    tls: bool,
}

impl Server {
    /// The one public origin, when the listener stands at `bound`.
    pub fn public_url(&self, bound: SocketAddr) -> Result<Url, url::ParseError> {
        let scheme = if self.tls { "https" } else { "http" };
        match &self.stated_url {
            Some(url) => Ok(url.clone()),
            None => Url::parse(&format!("{scheme}://localhost:{}", bound.port())),
        }
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM file of the chain.
    pub cert: PathBuf,
    /// PEM file of the key.
    pub key: PathBuf,
}

/// Who may have an account.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Who may sign up.
    pub registration: Registration,
    /// Lower-case domains, with [`Registration::Domain`].
    pub domains: Vec<String>,
    /// The plan of people who have no other.
    pub default_plan: Option<Slug>,
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody.
    #[default]
    Closed,
    /// Everybody.
    Open,
    /// Who has an invitation.
    Invited,
    /// Who has an address in one of the domains.
    Domain,
}

/// Bounds of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body of a model call.
    pub model_request_bytes: u64,
    /// What one network may try.
    pub network: NetworkLimits,
}

/// What the server may reach on its own account.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Private networks that the guarded fetcher may reach.
    pub allow: Vec<IpNet>,
    /// PEM files of further certificate authorities.
    pub ca: Vec<PathBuf>,
}

/// The log on stderr.
#[derive(Clone, Debug)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// The filter; `None`: `info`.
    pub level: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object in each line.
    Json,
}

/// A declared model provider.
pub struct UpstreamDecl {
    /// Its name.
    pub id: Slug,
    /// Where its routes start; its path has no slash at the end (but `Url` writes an empty path
    /// as `/`).
    pub base_url: Url,
    /// Our key there.
    pub api_key: Option<Secret>,
    /// The header that takes the key bare; `None`: `Authorization: Bearer`.
    pub header: Option<String>,
    /// Until the answer starts.
    pub first_byte_timeout: Duration,
    /// Between two pieces of an answer.
    pub silence_timeout: Duration,
}

/// A declared alias of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDecl {
    /// The name that callers use.
    pub alias: Slug,
    /// The upstream; it may be declared here or live in the store.
    pub upstream: Slug,
    /// The model's name there.
    pub model: String,
    /// Budgets over all calls of the alias.
    pub budgets: Vec<Budget>,
}

/// A declared sign-in provider.
pub struct ProviderDecl {
    /// The provider, not stored yet and without its secret.
    pub provider: ProviderRecord,
    /// Our secret there.
    pub client_secret: Option<Secret>,
}

/// A declared app.
pub struct ClientDecl {
    /// Its name in the file, which is its client id.
    pub id: Slug,
    /// Its name for people.
    pub name: String,
    /// Its plan; it may be declared here or live in the store.
    pub plan: Option<Slug>,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// Its secret, if the file has it.
    pub client_secret: Option<Secret>,
    /// How it signs people in, and gets tokens.
    pub oauth: OAuthMembers,
}

#[cfg(test)]
mod tests;
