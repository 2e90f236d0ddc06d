//! A server that lives as long as a test.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_edge::{Listener, NetworkLimits, Phase, RequestLog, Style, TrustedProxies};
use tollgate_gate::{DrainBounds, Gate, Outbound, ToolPatience, Warrant};
use tollgate_kernel::{Clock, Job, Manage, Noun, Secret, SystemClock};
use tollgate_server::demo_model::{self, DemoModel};
use tollgate_server::prices::PriceTable;
use tollgate_server::wire::{Installation, Options};
use tollgate_store::Target;
use tollgate_vault::{MasterKey, SystemRng};
use url::Url;

use crate::Client;
use crate::database::{Database, Engine};

/// The meter file of the demo model, in the server's folder.
pub(crate) const METER: &str = "demo-model.meter";

/// The key that our server has for the demo model.
pub const PROVIDER_KEY: &str = "sk-canary-provider-key-0123456789abcdef";

/// How a server is to be.
pub struct Setup {
    /// Its store.
    pub engine: Engine,
    /// How far it reads on when callers leave.
    pub drain: DrainBounds,
    /// Prices before those of the embedded table, as a price file.
    pub prices: Option<&'static str>,
    /// The largest request.
    pub request_bytes: usize,
    /// How often one network may try what is limited.
    pub network_limits: NetworkLimits,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Whether its way to a database that has connections is a [`crate::Line`].
    pub line: bool,
    /// Whether tools of all modes are published on loopback.
    pub loopback_tools: bool,
    /// How patient callers are with tools of others.
    pub tool_patience: ToolPatience,
    /// Certificates (DER) that it trusts beside the public roots when it calls upstreams.
    pub roots: Vec<Vec<u8>>,
}

impl Setup {
    /// The usual server on this store.
    pub fn on(engine: Engine) -> Self {
        Self {
            engine,
            drain: DrainBounds::default(),
            prices: None,
            request_bytes: 32 * 1024 * 1024,
            network_limits: NetworkLimits::LAX,
            clock: Arc::new(SystemClock::new()),
            line: false,
            loopback_tools: true,
            tool_patience: ToolPatience::default(),
            roots: Vec::new(),
        }
    }
}

/// A running server, with a demo model as its one upstream `demo`.
pub struct TestServer {
    /// Its origin.
    pub url: String,
    /// The origin of its metrics.
    metrics_url: String,
    /// The demo model behind it.
    pub model: DemoModel,
    /// Its gate, to make people and keys without the pages.
    pub gate: Arc<Gate>,
    /// Acts as the server itself.
    pub system: Warrant,
    /// What it wrote to its request log.
    pub log: Log,
    house: House,
    stop: watch::Sender<Phase>,
    serving: Serving,
}

type Serving = JoinHandle<Result<(), tollgate_kernel::Error>>;

/// What stays the same over a restart.
struct House {
    setup: Setup,
    master_key: Secret,
    database: Database,
    folder: TempDir,
}

impl TestServer {
    /// Starts a server with a demo model behind it.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::start_as(Setup::on(engine)).await
    }

    /// Starts a server that reads on for so long when callers leave.
    pub async fn start_with(engine: Engine, drain: DrainBounds) -> Result<Self> {
        Self::start_as(Setup { drain, ..Setup::on(engine) }).await
    }

    /// Starts a server that is like this.
    pub async fn start_as(setup: Setup) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let model = DemoModel::start(demo_model::Options {
            api_key: Some(PROVIDER_KEY.to_owned()),
            remember: true,
            meter: Some(folder.path().join(METER)),
            ..demo_model::Options::default()
        })
        .await?;
        let database = Database::make(setup.engine, &folder, setup.line).await?;
        let master_key = MasterKey::generate(&SystemRng).to_text();
        let house = House { setup, master_key, database, folder };
        let server = Box::pin(Self::open(house, model, Log::default())).await?;
        server.add_upstream("demo", &server.model.base_url(), PROVIDER_KEY).await?;
        server.gate.refresh_lists().await;
        Ok(server)
    }

    async fn open(house: House, model: DemoModel, log: Log) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let prices = match house.setup.prices {
            Some(file) => PriceTable::with_file(file)?,
            None => PriceTable::embedded()?,
        };
        let options = Options {
            target: house.database.target()?,
            data_dir: house.folder.path().to_owned(),
            master_key: MasterKey::from_text(house.master_key.expose())?,
            public_url: Url::parse(&url)?,
            brand: "Tollgate".to_owned(),
            trusted_proxies: TrustedProxies::default(),
            prices,
            drain: house.setup.drain,
            request_bytes: house.setup.request_bytes,
            network_limits: house.setup.network_limits,
            keys_in_the_clear: true,
            extra_roots: house.setup.roots.clone(),
            outbound: Outbound {
                own: vec![listener.local_addr()?],
                loopback_tools: house.setup.loopback_tools,
                tools: house.setup.tool_patience,
                ..Outbound::default()
            },
            log: RequestLog::start(log.clone(), Style::Json)?,
            clock: house.setup.clock.clone(),
            rng: Arc::new(SystemRng),
        };
        let installation = Box::pin(Installation::open(options)).await?;
        let metrics = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let metrics_url = format!("http://localhost:{}", metrics.local_addr()?.port());
        let installation = installation.with_metrics(Some(metrics));
        let gate = installation.gate.clone();
        let principal = gate.system(&installation.jobs.token(Job::Setup));
        let system = gate.allow(&principal, Manage::write(Noun::Users))?;
        let (stop, stopping) = watch::channel(Phase::Running);
        let serving =
            installation.serve(Listener::Tcp(listener), stopping, Duration::from_secs(30));
        let serving = tokio::spawn(serving);
        Ok(Self { url, metrics_url, model, gate, system, log, house, stop, serving })
    }

    /// A client without a credential.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// A client of the listener of its metrics.
    pub fn metrics(&self) -> Client {
        Client::new(&self.metrics_url, None)
    }

    /// A client with this key or access token.
    pub fn with_bearer(&self, token: &str) -> Client {
        Client::new(&self.url, Some(token))
    }

    /// The folder of its files.
    pub fn folder(&self) -> &std::path::Path {
        self.house.folder.path()
    }

    /// Its master key, to be looked for where it must not be.
    pub fn master_key(&self) -> &Secret {
        &self.house.master_key
    }

    /// Where its state is.
    pub fn database(&self) -> &Database {
        &self.house.database
    }

    /// Stops it in good order and starts it again on the same store, at another address.
    pub async fn restart(self) -> Result<Self> {
        self.restart_after(async |_| Ok(())).await
    }

    /// The same, with something done to its store while it is down.
    pub async fn restart_after(
        self,
        between: impl AsyncFnOnce(Target) -> Result<(), tollgate_kernel::Error>,
    ) -> Result<Self> {
        let Self { model, gate, log, house, stop, serving, .. } = self;
        close(stop, serving, gate).await?;
        between(house.database.target()?).await?;
        let server = Box::pin(Self::open(house, model, log)).await?;
        server.gate.refresh_lists().await;
        Ok(server)
    }

    /// Stops it in good order.
    pub async fn stop(self) -> Result<()> {
        let Self { gate, house, stop, serving, .. } = self;
        close(stop, serving, gate).await?;
        house.database.remove().await
    }
}

/// Ends what serves, and waits until nobody uses the store any more.
async fn close(stop: watch::Sender<Phase>, serving: Serving, gate: Arc<Gate>) -> Result<()> {
    stop.send_replace(Phase::Draining);
    serving.await.context("the server panicked")??;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while Arc::strong_count(&gate) > 1 {
        if tokio::time::Instant::now() > deadline {
            bail!("the gate is still in use after the server has stopped");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// What a server wrote to its request log.
#[derive(Clone, Default)]
pub struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    /// All lines so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
