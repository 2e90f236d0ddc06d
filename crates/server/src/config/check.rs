//! From what is written to what is meant: every text parsed, every rule between keys applied.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use tollgate_edge::NetworkLimits;
use tollgate_gate::DrainBounds;
use tollgate_kernel::{Secret, Slug};
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

use super::problem::{Origin, Origins, Problems, did_you_mean};
use super::raw::{Raw, RawSecret};
use super::{
    Accounts, Certificate, Config, INSECURE_HTTP, Limits, Log, Outbound, Registration, Server,
    Sources, show,
};

/// Collects mistakes while it checks.
pub(super) struct Checker<'a> {
    env: &'a BTreeMap<String, String>,
    /// The folder of the configuration file.
    folder: Option<&'a Path>,
    origins: &'a Origins,
    problems: Problems,
}

impl<'a> Checker<'a> {
    pub(super) fn new(sources: &'a Sources, origins: &'a Origins, problems: Problems) -> Self {
        let folder = sources.file.as_ref().and_then(|file| file.path.parent());
        Self { env: &sources.env, folder, origins, problems }
    }

    /// The whole configuration, or every mistake in it.
    pub(super) fn config(mut self, raw: &Raw) -> Result<Config, Problems> {
        let certificates = self.certificates(raw);
        let server = self.server(raw, !certificates.is_empty());
        let config = Config {
            certificates,
            store_url: self.store_url(raw.store.url.as_ref()),
            master_key: self.optional_secret("vault.master_key", raw.vault.master_key.as_ref()),
            accounts: self.accounts(raw),
            limits: limits(raw),
            drain: drain(raw),
            installation_budgets: self.budgets("installation", &raw.installation.budgets),
            outbound: self.outbound(raw),
            prices_file: raw.prices.file.as_ref().map(|file| self.file("prices.file", file)),
            log: self.log(raw),
            metrics: self.metrics(raw),
            loopback_tools: raw.dev.loopback_tools,
            upstreams: self.upstreams(&raw.upstream, raw.server.insecure_http.is_some()),
            models: self.models(&raw.model),
            plans: self.plans(&raw.plan),
            providers: self.providers(&raw.provider),
            clients: self.clients(&raw.client),
            tools: self.tools(raw, &server),
            shown: show::settings(raw, &server, self.origins),
            server,
        };
        self.problems.unless_any(config)
    }

    /// Where the server listens and lives, or every mistake there.
    pub(super) fn server_alone(mut self, raw: &Raw) -> Result<Server, Problems> {
        let server = self.server(raw, !raw.tls.certificates.is_empty());
        self.problems.unless_any(server)
    }

    fn server(&mut self, raw: &Raw, tls: bool) -> Server {
        let listen = self.parsed("server.listen", &raw.server.listen, |text| {
            text.parse().map_err(|_| "is not an address and port like 127.0.0.1:8700")
        });
        let server = Server {
            listen: listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            data_dir: self.data_dir(raw.server.data_dir.as_deref()),
            trusted_proxies: self.networks("server.trusted_proxies", &raw.server.trusted_proxies),
            shutdown: Duration::from_secs(raw.server.shutdown_s.into()),
            insecure_http: raw.server.insecure_http.is_some(),
            stated_url: raw
                .server
                .public_url
                .as_ref()
                .and_then(|url| self.parsed("server.public_url", url, origin_url)),
            tls,
        };
        self.refuse_secrets_in_the_clear(raw, &server);
        server
    }

    /// Beyond loopback, keys and passwords must not travel unencrypted.
    fn refuse_secrets_in_the_clear(&mut self, raw: &Raw, server: &Server) {
        let remedy = "give [tls] certificates, or name the proxy that has them in \
                      server.trusted_proxies";
        let word = raw.server.insecure_http.as_deref();
        if word.is_some_and(|word| word != INSECURE_HTTP) {
            let message = format!("takes the word {INSECURE_HTTP:?} alone; better: {remedy}");
            self.fault("server.insecure_http", message);
        }
        let covered = server.tls || !server.trusted_proxies.is_empty() || word.is_some();
        let beyond = !server.listen.ip().to_canonical().is_loopback();
        if beyond && !covered {
            let message = format!("listens beyond loopback without TLS: {remedy}");
            self.fault("server.listen", message);
        }
        match &server.stated_url {
            None if beyond => self.fault(
                "server.public_url",
                "is needed when listening beyond loopback: the origin that people and apps use",
            ),
            Some(url) if url.scheme() == "http" && server.tls => {
                self.fault(
                    "server.public_url",
                    "is http although there are certificates: use https",
                );
            }
            Some(url) if url.scheme() == "http" && !is_loopback(url) && !covered => {
                let message = format!("is http and not on loopback: use https, and {remedy}");
                self.fault("server.public_url", message);
            }
            _ => {}
        }
    }

    fn data_dir(&mut self, stated: Option<&str>) -> PathBuf {
        let set = |name: &str| self.env.get(name).filter(|value| !value.is_empty());
        match stated {
            Some("") => {
                self.fault("server.data_dir", "is empty; name a folder");
                PathBuf::new()
            }
            Some(folder) => self.path("server.data_dir", folder),
            None => set("XDG_DATA_HOME")
                .map(PathBuf::from)
                // The XDG base directory specification: a relative path is to be ignored.
                .filter(|home| home.is_absolute())
                .or_else(|| set("HOME").map(|home| Path::new(home).join(".local/share")))
                .map_or_else(|| PathBuf::from("tollgate-data"), |home| home.join("tollgate")),
        }
    }

    fn certificates(&mut self, raw: &Raw) -> Vec<Certificate> {
        let all = raw.tls.certificates.iter().enumerate();
        all.map(|(at, pair)| Certificate {
            cert: self.file(&format!("tls.certificates[{at}].cert"), &pair.cert),
            key: self.file(&format!("tls.certificates[{at}].key"), &pair.key),
        })
        .collect()
    }

    fn store_url(&mut self, raw: Option<&RawSecret>) -> Option<Secret> {
        let url = self.optional_secret("store.url", raw)?;
        let schemes = ["postgres://", "postgresql://"];
        if !schemes.iter().any(|scheme| url.expose().starts_with(scheme)) {
            self.fault("store.url", "should start with postgres://; left out, SQLite is used");
        }
        Some(url)
    }

    fn accounts(&mut self, raw: &Raw) -> Accounts {
        let (accounts, domain) = (&raw.accounts, Registration::Domain);
        if (accounts.registration == domain) == accounts.domains.is_empty() {
            let message = "and registration = \"domain\" go together: give both or neither";
            self.fault("accounts.domains", message);
        }
        let domains = accounts.domains.iter().enumerate().filter_map(|(at, text)| {
            self.parsed(&format!("accounts.domains[{at}]"), text, |text| {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
                let good = text.contains('.') && text.chars().all(plain);
                good.then(|| text.to_ascii_lowercase()).ok_or("is not a domain like example.com")
            })
        });
        Accounts {
            registration: accounts.registration,
            domains: domains.collect(),
            default_plan: self.optional_slug("accounts.default_plan", &accounts.default_plan),
        }
    }

    fn outbound(&mut self, raw: &Raw) -> Outbound {
        let allow = self.networks("outbound.allow", &raw.outbound.allow);
        let ca = raw.outbound.ca.iter().enumerate();
        let ca = ca.map(|(at, file)| self.file(&format!("outbound.ca[{at}]"), file)).collect();
        Outbound { allow, ca }
    }

    /// What is counted names nobody, and still is nobody's business but this machine's.
    fn metrics(&mut self, raw: &Raw) -> Option<SocketAddr> {
        let text = raw.metrics.listen.as_ref()?;
        self.parsed("metrics.listen", text, |text| {
            let address = text.parse::<SocketAddr>().ok();
            let loopback = address.filter(|address| address.ip().to_canonical().is_loopback());
            loopback.ok_or("is not an address and port on loopback like 127.0.0.1:8701")
        })
    }

    fn log(&mut self, raw: &Raw) -> Log {
        if let Some(level) = &raw.log.level {
            self.parsed("log.level", level, filter);
        }
        Log { format: raw.log.format, level: raw.log.level.clone() }
    }
}

/// What all checks are made of.
impl Checker<'_> {
    pub(super) fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.problems.add(self.origins, path, message);
    }

    /// What `parse` makes of `text`; its error is told under `path`.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        path: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(text).map_err(|error| self.fault(path, format!("{text:?}: {error}"))).ok()
    }

    pub(super) fn slug(&mut self, path: &str, text: &str) -> Option<Slug> {
        Slug::parse(text).map_err(|error| self.fault(path, error.detail())).ok()
    }

    pub(super) fn optional_slug(&mut self, path: &str, text: &Option<String>) -> Option<Slug> {
        text.as_ref().and_then(|text| self.slug(path, text))
    }

    fn networks(&mut self, path: &str, list: &[String]) -> Vec<IpNet> {
        let each = list.iter().enumerate().filter_map(|(at, text)| {
            self.parsed(&format!("{path}[{at}]"), text, |text| {
                let single = || text.parse::<IpAddr>().map(IpNet::from);
                text.parse::<IpNet>()
                    .or_else(|_| single())
                    .map_err(|_| "is not a network like 10.0.0.0/8, nor an address")
            })
        });
        each.collect()
    }

    /// Where `text` leads: from the folder of the file that names it, else from the working folder.
    fn path(&self, path: &str, text: &str) -> PathBuf {
        match (self.origins.of(path), self.folder) {
            (Origin::File { .. }, Some(folder)) => folder.join(text),
            _ => PathBuf::from(text),
        }
    }

    /// The same for a file that has to be there.
    fn file(&mut self, path: &str, text: &str) -> PathBuf {
        let file = self.path(path, text);
        if let Err(error) = std::fs::File::open(&file) {
            self.fault(path, format!("cannot read {}: {error}", file.display()));
        }
        file
    }

    pub(super) fn optional_secret(
        &mut self,
        path: &str,
        raw: Option<&RawSecret>,
    ) -> Option<Secret> {
        let found = match raw? {
            RawSecret::Value(text) => Ok(text.clone()),
            RawSecret::Env { env } => self.env.get(env).cloned().ok_or_else(|| {
                let hint = did_you_mean(env, self.env.keys().map(String::as_str));
                format!("there is no environment variable {env}{hint}")
            }),
            RawSecret::File { file } => read_secret(&self.path(path, file)),
            RawSecret::Credential { credential } => match self.env.get("CREDENTIALS_DIRECTORY") {
                Some(folder) if !credential.contains('/') => {
                    read_secret(&Path::new(folder).join(credential))
                }
                Some(_) => Err(format!("{credential:?} is not the name of a credential")),
                None => Err("there are no credentials: systemd has not set \
                             $CREDENTIALS_DIRECTORY"
                    .to_owned()),
            },
        };
        match found.map(|text| Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())) {
            Ok(secret) if secret.expose().trim().is_empty() => {
                self.fault(path, "is empty; give the secret, or leave the key out");
                None
            }
            Ok(secret) => Some(secret),
            Err(message) => {
                self.fault(path, message);
                None
            }
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the secret in {}: {error}", path.display()))
}

/// A filter of the log. `Targets` passes over spans and their fields: who wrote them would wait for
/// lines that never come.
fn filter(text: &str) -> Result<Targets, String> {
    if text.contains(['[', '{']) {
        return Err("is no filter: it has targets and levels alone, as info,hyper=debug".to_owned());
    }
    text.parse().map_err(|error| format!("is no filter: {error}"))
}

fn limits(raw: &Raw) -> Limits {
    let network = &raw.limits.network;
    Limits {
        model_request_bytes: raw.limits.model_request_bytes,
        network: NetworkLimits {
            sign_in_per_minute: network.sign_in_per_minute,
            sign_up_per_hour: network.sign_up_per_hour,
            anonymous_per_minute: network.anonymous_per_minute,
            management_per_minute: network.management_per_minute,
        },
    }
}

fn drain(raw: &Raw) -> DrainBounds {
    DrainBounds {
        time: Duration::from_secs(raw.metering.drain_s.into()),
        tokens: raw.metering.drain_tokens,
        answers: raw.metering.drain_streams,
    }
}

/// Reads an http or https address that has a host and no user.
pub(super) fn web_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not an address like https://ai.example.com")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("should start with https:// (or http:// on loopback)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("should not hold a user name or password");
    }
    Ok(url)
}

/// The same with nothing after host and port.
fn origin_url(text: &str) -> Result<Url, &'static str> {
    let url = web_url(text)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if bare { Ok(url) } else { Err("should have nothing after host and port") }
}

/// Whether the host of `url` can only be this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}
