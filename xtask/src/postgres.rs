//! A PostgreSQL server of our own for one run: a free port, a temporary folder, gone afterwards.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process;

/// How long a new server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A free port can be taken by somebody else before the server has it.
const ATTEMPTS: u32 = 3;

/// A running server; dropping it stops it and removes its data.
pub(crate) struct Postgres {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Postgres {
    /// Makes and starts a server with the programs in `bin`, and returns when it answers.
    ///
    /// # Errors
    /// When it cannot be made, or does not answer in 30 seconds; the error holds its log.
    pub(crate) fn start(bin: &Path) -> Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::try_start(bin) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("at least one attempt was made")?)
    }

    /// Where to connect: as the superuser, to the database `postgres`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn try_start(bin: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tollgate-postgres-").tempdir()?;
        if process::output_of(Command::new("id").arg("-u"))? == "0" {
            let mut chown = Command::new("chown");
            process::output_of(chown.arg("postgres").arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&bin.join("initdb"))?;
        initdb.args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]);
        process::output_of(initdb.arg("-D").arg(&data))?;
        let port = free_port()?;
        let child = server(bin, folder.path(), port)?;
        let mut server = Self { bin: bin.to_owned(), folder, port, child };
        server.wait_until_ready()?;
        eprintln!("PostgreSQL at {}", server.url());
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            let mut probe = Command::new(self.bin.join("pg_isready"));
            probe.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if probe.status().context("cannot start pg_isready")?.success() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("PostgreSQL ended with {status}:\n{}", self.log());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("PostgreSQL does not answer:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(25));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = unprivileged(&self.bin.join("pg_ctl")).and_then(|mut stop| {
            stop.args(["stop", "-s", "-m", "immediate", "-D"]);
            process::output_of(stop.arg(self.folder.path().join("data")))
        });
        if let Err(error) = stopped {
            eprintln!("PostgreSQL was not stopped in order: {error:#}");
            // A server that is gone already cannot be killed; nothing is left to do then.
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// Starts the server. Durability is switched off: no test of this server pulls the plug.
fn server(bin: &Path, folder: &Path, port: u16) -> Result<Child> {
    let log = std::fs::File::create(folder.join("log")).context("cannot make the server's log")?;
    let mut postgres = unprivileged(&bin.join("postgres"))?;
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    postgres.args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "max_connections=400",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
    ] {
        postgres.args(["-c", setting]);
    }
    postgres.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    postgres.spawn().context("cannot start PostgreSQL")
}

/// PostgreSQL refuses to run as root, so root runs it as the user that its package made. It ends
/// with us, however we end.
fn unprivileged(program: &Path) -> Result<Command> {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=INT");
    if process::output_of(Command::new("id").arg("-u"))? == "0" {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(program).current_dir("/");
    Ok(command)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}
