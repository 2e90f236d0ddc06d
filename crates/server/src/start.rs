//! From a checked configuration to an opened installation.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tollgate_edge::{Listener, RequestLog, Style, TrustedProxies};
use tollgate_gate::{Outbound, ToolPatience};
use tollgate_kernel::{Secret, SystemClock};
use tollgate_store::Target;
use tollgate_vault::{BufferedRng, MasterKey, SystemRng};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use url::Url;

use crate::certificates::CertificateFiles;
use crate::config::{Config, Log, LogFormat};
use crate::declare;
use crate::exit::Exit;
use crate::master_key;
use crate::own_log::JsonLines;
use crate::prices::PriceTable;
use crate::wire::{Installation, Options, listen};

/// Where PostgreSQL answers unless its URL says otherwise.
const POSTGRES_PORT: u16 = 5432;

/// An installation with its listener, ready to serve.
pub struct Started {
    /// The installation.
    pub installation: Installation,
    /// Where it will answer.
    pub listener: Listener,
    /// The files of its certificates, where it has TLS: to be watched while it serves.
    pub certificates: Option<CertificateFiles>,
    /// The one public origin.
    pub public_url: Url,
    /// Whether the master key was made just now: then it wants a copy.
    pub new_master_key: bool,
}

/// Opens the installation that `config` describes.
pub async fn start(config: &Config, log: RequestLog) -> Result<Started, Exit> {
    let certificates = CertificateFiles::read(&config.certificates)?;
    let (master_key, new_master_key) = master_key::load(config, &SystemRng)?;
    let listener = listen(config.server.listen).await?;
    let bound = listener.local_addr().map_err(|e| Exit::io("the listener has no address", &e))?;
    let public_url = config.server.public_url(bound);
    let public_url = public_url.map_err(|error| Exit::config(error.to_string()))?;
    let own = [Some(bound), config.metrics].into_iter().flatten().collect();
    let installation = open(config, log, master_key, &public_url, own).await?;
    let metrics = match config.metrics {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let installation = installation.with_metrics(metrics);
    declare::reconcile(&installation, config).await?;
    let listener = match &certificates {
        Some(files) => Listener::Tls(listener, files.tls()),
        None => Listener::Tcp(listener),
    };
    Ok(Started { installation, listener, certificates, public_url, new_master_key })
}

/// Opens the installation that `config` describes and listens nowhere: for what is done to it while
/// no server runs. With it the one public origin; where the port is given at start alone, that port
/// is 0.
pub async fn open_quietly(config: &Config, log: RequestLog) -> Result<(Installation, Url), Exit> {
    let (master_key, _) = master_key::load(config, &SystemRng)?;
    let public_url = config.server.public_url(config.server.listen);
    let public_url = public_url.map_err(|error| Exit::config(error.to_string()))?;
    let installation = open(config, log, master_key, &public_url, Vec::new()).await?;
    declare::reconcile(&installation, config).await?;
    Ok((installation, public_url))
}

async fn open(
    config: &Config,
    log: RequestLog,
    master_key: MasterKey,
    public_url: &Url,
    own: Vec<SocketAddr>,
) -> Result<Installation, Exit> {
    let opening = Installation::open(Options {
        target: target(config),
        data_dir: config.server.data_dir.clone(),
        master_key,
        public_url: public_url.clone(),
        brand: "Tollgate".to_owned(),
        trusted_proxies: TrustedProxies::new(config.server.trusted_proxies.clone())?,
        prices: prices(config)?,
        network_limits: config.limits.network,
        keys_in_the_clear: config.server.insecure_http,
        drain: config.drain,
        request_bytes: usize::try_from(config.limits.model_request_bytes).unwrap_or(usize::MAX),
        extra_roots: extra_roots(config)?,
        outbound: outbound(config, own),
        log,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(BufferedRng::default()),
    });
    Ok(Box::pin(opening).await?)
}

/// Where the state of `config` lives.
pub fn target(config: &Config) -> Target {
    match &config.store_url {
        Some(url) => Target::Postgres { url: url.expose().to_owned() },
        None => Target::Sqlite { data_dir: config.server.data_dir.clone() },
    }
}

fn prices(config: &Config) -> Result<PriceTable, Exit> {
    let bad = |error: crate::prices::BadPrices| Exit::config(error.to_string());
    match &config.prices_file {
        None => PriceTable::embedded().map_err(bad),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Exit::io(format!("cannot read {}", path.display()), &error))?;
            PriceTable::with_file(&text).map_err(bad)
        }
    }
}

/// Where the server may go on its own account; `own` is where it listens.
fn outbound(config: &Config, mut own: Vec<SocketAddr>) -> Outbound {
    let (address, name) = config.store_url.as_ref().map(store_place).unwrap_or_default();
    own.extend(address);
    let own_names = name.into_iter().collect();
    let loopback_tools = config.loopback_tools;
    let (allow, tools) = (config.outbound.allow.clone(), ToolPatience::default());
    Outbound { allow, own, own_names, loopback_tools, tools }
}

/// Where the store at `url` answers, by address or by name; neither for a socket in a folder.
fn store_place(url: &Secret) -> (Option<SocketAddr>, Option<(String, u16)>) {
    let Ok(url) = Url::parse(url.expose()) else { return (None, None) };
    let port = url.port().unwrap_or(POSTGRES_PORT);
    // The host of a scheme that is not one of the web's is text, whatever it holds.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) => (Some(SocketAddr::new(address, port)), None),
        Err(_) if host.is_empty() => (None, None),
        Err(_) => (None, Some((host.to_owned(), port))),
    }
}

/// The certificates of `outbound.ca`, as DER.
fn extra_roots(config: &Config) -> Result<Vec<Vec<u8>>, Exit> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = Vec::new();
    for path in &config.outbound.ca {
        let bad = |error| Exit::config(format!("{}: {error}", path.display()));
        let file = rustls::pki_types::CertificateDer::pem_file_iter(path).map_err(bad)?;
        for certificate in file {
            roots.push(certificate.map_err(bad)?.to_vec());
        }
    }
    Ok(roots)
}

/// The request log on stderr: JSON for machines, pretty on a terminal.
pub fn request_log(log: &Log) -> Result<RequestLog, Exit> {
    Ok(RequestLog::start(std::io::stderr(), style_here(log.format))?)
}

/// What the server says of itself, on stderr too.
pub fn tracing(log: &Log) {
    let level = log.level.as_deref().unwrap_or("info");
    let filter: Targets =
        level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    // A line that cannot be written (the log's disk is full) is lost; to say so on stderr, as the
    // subscriber would, panics where stderr is the log.
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let filtered = tracing_subscriber::registry().with(filter);
    // A second call, as in tests, leaves the first one's subscriber.
    let _ = match style_here(log.format) {
        Style::Json => {
            let clock = Arc::new(SystemClock::new());
            filtered.with(lines.event_format(JsonLines { clock })).try_init()
        }
        Style::Pretty { colour } => {
            filtered.with(lines.with_ansi(colour).with_target(false)).try_init()
        }
    };
}

fn style_here(format: LogFormat) -> Style {
    style(format, std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR").is_none())
}

/// Pretty for a person at a `terminal`, with colours where those are `wanted`; JSON for all others.
fn style(format: LogFormat, terminal: bool, wanted: bool) -> Style {
    let colour = terminal && wanted;
    match format {
        LogFormat::Json => Style::Json,
        LogFormat::Pretty => Style::Pretty { colour },
        LogFormat::Auto if terminal => Style::Pretty { colour },
        LogFormat::Auto => Style::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pretty_on_a_terminal_and_json_elsewhere() {
        let pretty = |colour| Style::Pretty { colour };
        assert_eq!(style(LogFormat::Auto, true, true), pretty(true));
        assert_eq!(style(LogFormat::Auto, true, false), pretty(false), "NO_COLOR");
        assert_eq!(style(LogFormat::Auto, false, true), Style::Json);
        assert_eq!(style(LogFormat::Json, true, true), Style::Json);
        assert_eq!(style(LogFormat::Pretty, false, true), pretty(false), "a file has no colours");
    }

    #[test]
    fn n57_the_server_knows_where_its_store_is() {
        let place = |url: &str| {
            let (address, name) = store_place(&Secret::new(url.to_owned()));
            let name = name.map(|(host, port)| format!("{host}:{port}"));
            address.map(|address| address.to_string()).or(name)
        };
        assert_eq!(place("postgres:///tollgate"), None);
        assert_eq!(place("postgres://u:p@10.0.0.5/t").as_deref(), Some("10.0.0.5:5432"));
        assert_eq!(place("postgres://u@[fd00::5]:6000/t").as_deref(), Some("[fd00::5]:6000"));
        assert_eq!(place("postgres://db.example:5433/t").as_deref(), Some("db.example:5433"));
    }
}
