//! The programs under test, as processes of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tollgate_bench::process::Process;

use crate::stage::Stage;

/// How long a program may take until it is ready, or until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of the environment that would change what `tollgate serve` does.
const NOT_OURS: [&str; 4] =
    ["OPENAI_API_KEY", "OPENAI_BASE_URL", "TOLLGATE_CONFIG", "TOKIO_WORKER_THREADS"];

/// Where the programs are, and where they may write.
pub(crate) struct Place {
    binaries: PathBuf,
    /// A folder on the disk whose fsync is measured.
    pub(crate) work: PathBuf,
}

impl Place {
    /// The programs beside this one, and a folder for data beside them.
    pub(crate) fn beside_this_program() -> Result<Self> {
        let this = std::env::current_exe().context("a program does not know its own place")?;
        let binaries = this.parent().context("this program is in no folder")?.to_owned();
        let work = binaries.join("bench-data");
        std::fs::create_dir_all(&work).context("no folder for the data")?;
        Ok(Self { binaries, work })
    }

    fn program(&self, name: &str) -> Result<Command> {
        let path = self.binaries.join(name);
        if !path.is_file() {
            bail!("there is no {name} beside this program: run `cargo xtask bench`");
        }
        let mut command = Command::new(path);
        for variable in NOT_OURS {
            command.env_remove(variable);
        }
        Ok(command)
    }

    /// The mock model, which takes any key.
    pub(crate) async fn model(&self) -> Result<Running> {
        let mut command = self.program("tollgate")?;
        command.arg("demo-model");
        Running::start(command).await
    }

    /// The bare proxy to `model`.
    pub(crate) async fn bare(&self, model: &Running) -> Result<Running> {
        let mut command = self.program("tollgate-bench")?;
        command.args(["bare", "--upstream", model.url()]);
        Running::start(command).await
    }

    /// The bare server that makes one signature for each request.
    pub(crate) async fn signer(&self) -> Result<Running> {
        let mut command = self.program("tollgate-bench")?;
        command.arg("signer");
        Running::start(command).await
    }

    /// npm `oidc-provider` with one client of this id and secret, in one process as it ships.
    pub(crate) async fn oidc_provider(
        &self,
        (node, script): (&Path, &Path),
        (id, secret): (&str, &str),
    ) -> Result<Running> {
        let mut command = Command::new(node);
        command.arg(script).env("NODE_ENV", "production");
        command.env("BENCH_CLIENT_ID", id).env("BENCH_CLIENT_SECRET", secret);
        Running::start(command).await
    }

    /// Our server on the data of `stage`. Its log goes nowhere.
    pub(crate) async fn tollgate(&self, stage: &Stage, more: &[&str]) -> Result<Running> {
        let mut command = self.program("tollgate")?;
        command.args(["serve", "--listen", &stage.address().to_string(), "--data-dir"]);
        command.arg(stage.data()).arg("--prices").arg(stage.prices());
        command.args(["--public-url", &stage.public_url()]).args(more);
        Running::start(command).await
    }

    /// Our server on an empty folder, with nothing said but where to listen.
    pub(crate) async fn new_tollgate(&self, data: &Path) -> Result<Running> {
        let mut command = self.program("tollgate")?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        Running::start(command).await
    }
}

/// A running program that has said `ready URL`. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    /// Kept open: a program whose output nobody takes would fail at its next word.
    _stdout: BufReader<ChildStdout>,
    url: String,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Running {
    async fn start(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().context("cannot start a program")?;
        let mut stdout = BufReader::new(child.stdout.take().context("the output is piped")?);
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await;
        read.context("a program is not ready in 30 seconds")??;
        let Some(url) = line.trim().strip_prefix("ready ") else {
            let status = child.wait().await?;
            let program = command.as_std().get_program().to_string_lossy().into_owned();
            bail!("{program} said {line:?} instead of being ready ({status})");
        };
        Ok(Self { child, _stdout: stdout, url: url.to_owned(), started })
    }

    /// Its origin.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its address on loopback.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        let port = port.parse().with_context(|| format!("no port in {}", self.url))?;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// What it uses.
    pub(crate) fn process(&self) -> Result<Process> {
        Ok(Process(self.child.id().context("the program has ended")?))
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.process()?.0.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await.context("cannot kill a program")?;
        }
        Ok(())
    }
}
