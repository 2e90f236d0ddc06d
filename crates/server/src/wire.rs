//! Wiring: the one place that makes a `Root`, opens the store and the vault, and puts the doors
//! side by side.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tollgate_connections::ConnectionsState;
use tollgate_console::ConsoleState;
use tollgate_edge::{
    App, CsrfKeys, Edge, Hosts, Listener, NetworkBook, NetworkLimits, Pace, Phase, RequestLog, Row,
    Serve, TrustedProxies, Workers, page::Assets,
};
use tollgate_gate::{DrainBounds, Gate, Jobs, ModelFacts, Outbound, Prices, Purpose, Works};
use tollgate_identity::IdentityState;
use tollgate_kernel::{Clock, Error, Rng, Timestamp};
use tollgate_models::ModelsState;
use tollgate_oauth::OAuthState;
use tollgate_root::Root;
use tollgate_store::{Target, ledger};
use tollgate_tools::{ToolGuests, ToolsState};
use tollgate_vault::{HashedToken, MasterKey, Vault};
use url::Url;

use crate::metrics::{self, Counted};
use crate::prices::PriceTable;
use crate::{first_start, health};

/// The most connections at once.
const MAX_CONNECTIONS: u32 = 32_768;

/// What an installation is made of.
pub struct Options {
    /// Where the state lives.
    pub target: Target,
    /// The folder of the socket for the command line.
    pub data_dir: PathBuf,
    /// The master key.
    pub master_key: MasterKey,
    /// The one public origin.
    pub public_url: Url,
    /// The installation's name on pages.
    pub brand: String,
    /// Proxies that are believed.
    pub trusted_proxies: TrustedProxies,
    /// Prices.
    pub prices: PriceTable,
    /// How often one network may try what is limited.
    pub network_limits: NetworkLimits,
    /// Whether keys of upstreams may cross a network unencrypted.
    pub keys_in_the_clear: bool,
    /// How far a call is read on whose caller has left.
    pub drain: DrainBounds,
    /// The largest request at the models door, in bytes.
    pub request_bytes: usize,
    /// Certificates (DER) that upstreams may have beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// Where the server may go on its own account. The public origin is added to what is its own.
    pub outbound: Outbound,
    /// Where request lines go.
    pub log: RequestLog,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

/// An installation, opened and not yet serving.
pub struct Installation {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The right to act as the server itself.
    pub jobs: Jobs,
    /// Everything that is offered over HTTP.
    pub app: App,
    /// What the door of the tools knows.
    pub tools: ToolsState,
    works: Works,
    data_dir: PathBuf,
    metrics: App,
    metrics_listener: Option<TcpListener>,
}

impl Installation {
    /// Opens store, vault and ledger, and makes at the first start what a start needs.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let loopback_tools = options.outbound.loopback_tools;
        let Options { target, clock, rng, .. } = options;
        let root = Root::new();
        let (vault, opener) = tollgate_vault::unlock(&root, options.master_key)?;
        let store_options = tollgate_store::Options::new(target.clone(), clock.clone());
        let (reader, writer) = tollgate_store::open(&root, store_options).await?;
        let (ledger_reader, ledger) =
            ledger::open(&root, target, clock.clone(), rng.clone()).await?;
        let public_url = options.public_url.as_str().trim_end_matches('/').to_owned();
        let prices: Arc<dyn Prices> = Arc::new(Table(options.prices));
        let (gate, jobs, works) = Gate::new(tollgate_gate::Parts {
            reader,
            writer,
            ledger,
            ledger_reader,
            vault,
            opener,
            clock: clock.clone(),
            rng: rng.clone(),
            prices: prices.clone(),
            public_url: public_url.clone(),
            strangers_per_minute: options.network_limits.anonymous_per_minute,
            drain: options.drain,
            extra_roots: options.extra_roots,
            outbound: beside(options.outbound, &options.public_url),
        })
        .await?;
        first_start::prepare(&gate, &jobs).await?;
        let networks = NetworkBook::new(options.network_limits, clock.clone());
        let hosts = if is_loopback(&options.public_url) { Hosts::Local } else { Hosts::Any };
        let tools = ToolsState::new(gate.clone(), &options.public_url)
            .loopback_tools(&options.public_url, loopback_tools)
            .secrets_in_the_clear(options.keys_in_the_clear);
        let edge = Edge::new(tollgate_edge::Parts {
            public_url: options.public_url,
            brand: options.brand,
            trusted_proxies: options.trusted_proxies,
            hosts,
            clock,
            rng,
            authenticator: gate.clone(),
            csrf: Arc::new(FormKeys(gate.clone())),
            log: options.log,
            assets: tollgate_console::assets(tollgate_identity::assets(Assets::shell())),
            nav: tollgate_identity::nav()
                .into_iter()
                .chain(tollgate_connections::nav())
                .chain(tollgate_console::nav())
                .chain(tollgate_tools::nav())
                .collect(),
            networks: networks.clone(),
            replays: gate.clone(),
            guests: Arc::new(ToolGuests::new(gate.clone())),
        });
        let counted = Counted { gate: gate.clone(), edge: edge.clone() };
        let metrics = App::build(metrics::rows(&counted), edge.beside())?;
        let doors = Doors {
            gate: gate.clone(),
            prices,
            request_bytes: options.request_bytes,
            networks,
            keys_in_the_clear: options.keys_in_the_clear,
            tools: tools.clone(),
        };
        let app = App::build(doors.rows(&public_url), edge)?;
        let data_dir = options.data_dir;
        Ok(Self { gate, jobs, app, tools, works, data_dir, metrics, metrics_listener: None })
    }

    /// Answers `/metrics` on `listener`, and nothing else there.
    pub fn with_metrics(self, listener: Option<TcpListener>) -> Self {
        Self { metrics_listener: listener, ..self }
    }

    /// Closes it in good order, for a verb that does not serve.
    pub async fn close(self) -> Result<(), Error> {
        let Self { gate, works, tools, .. } = self;
        drop((gate, tools));
        works.run(std::future::ready(()), std::future::pending()).await;
        Ok(())
    }

    /// Answers on `listener`, and for the command line on the socket in the data folder, until
    /// `shutdown` says so and what is under way has ended, at most `drain` later.
    pub async fn serve(
        self,
        listener: Listener,
        shutdown: watch::Receiver<Phase>,
        drain: Duration,
    ) -> Result<(), Error> {
        let Self { app, works, data_dir, gate, jobs: _, tools, metrics, metrics_listener } = self;
        drop(tools);
        let local = local_socket(&data_dir)?;
        let workers = Arc::new(Workers::start().map_err(Error::internal)?);
        let serve = |listener, app| Serve {
            listener,
            app,
            workers: workers.clone(),
            shutdown: shutdown.clone(),
            drain,
            max_connections: MAX_CONNECTIONS,
            pace: Pace::default(),
        };
        let doors = serve(listener, app.clone()).run();
        let command_line = serve(Listener::Local(local), app).run();
        let metrics = async {
            if let Some(listener) = metrics_listener {
                serve(Listener::Tcp(listener), metrics).run().await;
            }
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async {
            drop(stopped.await);
        };
        let works = tokio::spawn(works.run(stopped, now(shutdown.clone())));
        tokio::join!(doors, command_line, metrics);
        drop(gate);
        drop(stop);
        works.await.map_err(Error::internal)?;
        // Not before: connections to upstreams and to the store were made there.
        drop(workers);
        drop(std::fs::remove_file(socket_path(&data_dir)));
        Ok(())
    }
}

/// Returns when somebody wants the end at once.
async fn now(mut shutdown: watch::Receiver<Phase>) {
    if shutdown.wait_for(|phase| *phase == Phase::Now).await.is_err() {
        // Nobody is left who could say it.
        std::future::pending::<()>().await;
    }
}

/// What the doors need to declare their rows.
pub struct Doors {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The price table.
    pub prices: Arc<dyn Prices>,
    /// The largest request at the models door, in bytes.
    pub request_bytes: usize,
    /// How often networks have tried what is limited.
    pub networks: Arc<NetworkBook>,
    /// Whether keys of upstreams may cross a network unencrypted.
    pub keys_in_the_clear: bool,
    /// What the door of the tools knows.
    pub tools: ToolsState,
}

impl Doors {
    /// The rows of all doors, and the document that describes them.
    pub fn rows(self, origin: &str) -> Vec<Row> {
        let Self { gate, prices, request_bytes, networks, keys_in_the_clear, tools } = self;
        let mut rows = health::rows(&gate);
        rows.extend(tollgate_identity::rows(&IdentityState::new(gate.clone(), networks.clone())));
        rows.extend(tollgate_oauth::rows(&OAuthState::new(gate.clone(), networks)));
        let models = ModelsState { gate: gate.clone(), request_bytes };
        rows.extend(tollgate_models::rows(&models));
        rows.extend(tollgate_tools::rows(&tools));
        rows.extend(tollgate_connections::rows(&ConnectionsState::new(gate.clone())));
        let console = ConsoleState::new(gate, prices).keys_in_the_clear(keys_in_the_clear);
        rows.extend(tollgate_console::rows(console));
        rows.push(health::description(&rows, origin));
        rows
    }
}

/// Where the command line reaches a running server.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tollgate.sock")
}

/// The socket for this user alone.
fn local_socket(data_dir: &Path) -> Result<UnixListener, Error> {
    let path = socket_path(data_dir);
    // The store's lock says that no other server lives here: what is left is a dead one's.
    drop(std::fs::remove_file(&path));
    let failed = |error: std::io::Error| {
        Error::unavailable(format!("cannot listen on {}: {error}", path.display()))
    };
    let listener = UnixListener::bind(&path).map_err(failed)?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).map_err(failed)?;
    Ok(listener)
}

/// Listens on `address`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Error::unavailable(format!("cannot listen on {address}: {error}")))
}

/// The same, and not to this server under its public name.
fn beside(mut outbound: Outbound, public_url: &Url) -> Outbound {
    let host = public_url.host_str().map(str::to_owned);
    outbound.own_names.extend(host.zip(public_url.port_or_known_default()));
    outbound
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The keys of form tokens, as the edge knows them.
struct FormKeys(Arc<Gate>);

impl CsrfKeys for FormKeys {
    fn token(&self, binding: &str) -> String {
        text(&self.0.mac(Purpose::Csrf, binding.as_bytes()))
    }

    fn matches(&self, binding: &str, token: &str) -> bool {
        Vault::same(self.token(binding).as_bytes(), token.as_bytes())
    }
}

fn text(mac: &HashedToken) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.as_bytes())
}

/// The price table as the gate knows it.
struct Table(PriceTable);

impl Prices for Table {
    fn facts(&self, model: &str, at: Timestamp) -> Option<ModelFacts> {
        let listed = self.0.price(model, at)?;
        Some(ModelFacts {
            price: listed.price.clone(),
            context_tokens: listed.context_tokens,
            max_output_tokens: listed.max_output_tokens,
        })
    }
}
