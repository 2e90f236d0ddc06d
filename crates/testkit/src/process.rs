//! Our own programs as processes of their own, for tests that kill them or ask them to stop.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// The environment variable that names the binary to test.
const BINARY: &str = "TOLLGATE_TEST_BINARY";

/// How long a program may take until it is ready before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The `tollgate` binary: the one that the environment names, else the one that cargo built beside
/// the test. Cargo does not build it for a test of this crate; `cargo build -p tollgate` does.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY) {
        return Ok(path.into());
    }
    let this = std::env::current_exe().context("a test does not know its own place")?;
    // The test stands in `deps`, the binary in the folder above.
    let beside = this.ancestors().nth(2).map(|folder| folder.join("tollgate"));
    beside.filter(|path| path.is_file()).with_context(|| {
        format!(
            "there is no tollgate binary: run `cargo build -p tollgate`, or name it in {BINARY}"
        )
    })
}

/// A running program that has said `ready URL`. Dropped, it is killed.
pub struct Running {
    child: Child,
    /// Kept open: a program whose output nobody takes would fail at its next word.
    _stdout: BufReader<ChildStdout>,
    url: String,
    ready_after: Duration,
    queued: Duration,
}

impl Running {
    /// Starts `command`, its log added to the file `log`, and returns when it is ready.
    pub async fn start(command: Command, log: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut child = spawn(command, log)?;
        let mut stdout = BufReader::new(child.stdout.take().context("the output is piped")?);
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await;
        let ready_after = started.elapsed();
        let queued = child.id().map(queued).unwrap_or_default();
        read.context("the program is not ready in 30 seconds")??;
        let Some(url) = line.trim().strip_prefix("ready ") else {
            bail!("not a word of being ready, but {line:?}; its log is {}", log.display());
        };
        Ok(Self { child, _stdout: stdout, url: url.to_owned(), ready_after, queued })
    }

    /// Starts `command` and kills it after `life`, ready or not.
    pub async fn start_and_kill(command: Command, log: &Path, life: Duration) -> Result<()> {
        let mut child = spawn(command, log)?;
        tokio::time::sleep(life).await;
        child.kill().await.context("cannot kill the program")
    }

    /// Where it answers, for example `http://localhost:1234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address and port on loopback.
    pub fn address(&self) -> String {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        format!("127.0.0.1:{port}")
    }

    /// How long it took from its start until it said that it is ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// How long one of its threads, the one that waited the longest, had by then waited for a
    /// processor: what a machine adds that is busy with other things. Not the time of all threads
    /// together: they wait side by side. Nothing where the system does not tell.
    pub fn queued(&self) -> Duration {
        self.queued
    }

    /// Its process id, as long as it has not ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it at once (SIGKILL) and returns when the system has cleared it away.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the program")
    }

    /// Asks it to stop (SIGTERM).
    pub async fn terminate(&self) -> Result<()> {
        let pid = self.child.id().context("the program has ended already")?;
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        if sent.success() { Ok(()) } else { bail!("kill -TERM ended with {sent}") }
    }

    /// Waits for its end, at most so long.
    pub async fn ended(mut self, patience: Duration) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        Ok(ended.with_context(|| format!("the program has not ended in {patience:?}"))??)
    }
}

fn spawn(mut command: Command, log: &Path) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log).context("no log file")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
    command.spawn().context("the program cannot be started")
}

/// The longest time that a thread of a process stood in line for a processor (Linux: the second
/// number of `schedstat`, in nanoseconds).
fn queued(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of_task = |task: std::fs::DirEntry| -> Option<u64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(of_task).max().unwrap_or_default())
}
