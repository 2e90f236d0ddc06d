//! The bench tools as a program: `bare`, `signer`, `load`, `compare`.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use http::{HeaderValue, Uri, header};
use tollgate_bench::bare::Bare;
use tollgate_bench::load::{self, Choice, Load};
use tollgate_bench::process::Process;
use tollgate_bench::rounds::{self, Subject};
use tollgate_bench::signer::Signer;

/// The same allocator as the server's, so that it makes no difference.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the benches measure with.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the bare proxy
    Bare {
        /// Address and port to listen on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The origin to forward to
        #[arg(long)]
        upstream: String,
    },
    /// Run the bare server that makes one signature for each request
    Signer {
        /// Address and port to listen on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Send calls and print what was measured, as JSON
    Load {
        /// Where to send them, with the path
        #[arg(long)]
        url: String,
        /// The process to measure
        #[arg(long)]
        pid: Option<u32>,
        #[command(flatten)]
        shape: Shape,
    },
    /// Measure two servers in interleaved rounds and print the comparison, as JSON
    Compare {
        /// The yardstick
        #[arg(long)]
        a: String,
        /// Its process
        #[arg(long)]
        a_pid: u32,
        /// What is compared with it
        #[arg(long)]
        b: String,
        /// Its process
        #[arg(long)]
        b_pid: u32,
        /// How often each is measured
        #[arg(long, default_value_t = rounds::FEWEST_ROUNDS)]
        rounds: usize,
        #[command(flatten)]
        shape: Shape,
    },
}

/// What is sent.
#[derive(Args)]
struct Shape {
    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Calls a second; left out: as many as are answered
    #[arg(long)]
    per_second: Option<f64>,
    /// Seconds that are measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 0.5)]
    warm_up_s: f64,
    /// The model to ask for
    #[arg(long, default_value = "mock/fixed")]
    model: String,
    /// Ask for streams
    #[arg(long)]
    stream: bool,
    /// The key to present
    #[arg(long, env = "BENCH_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Shape {
    fn load(&self, url: &str, pid: Option<u32>) -> anyhow::Result<Load> {
        let uri: Uri = url.parse().context("the URL is no URL")?;
        let authority = uri.authority().context("the URL has no host")?.as_str();
        let target = authority.to_socket_addrs()?.next().context("the host has no address")?;
        let bearer = self.key.iter().map(|key| HeaderValue::from_str(&format!("Bearer {key}")));
        Ok(Load {
            target,
            path: uri.path().to_owned(),
            headers: Vec::new(),
            carrier: header::AUTHORIZATION,
            credentials: bearer.collect::<Result<_, _>>()?,
            choice: Choice::InTurn,
            bodies: Arc::new([load::chat_body(&self.model, self.stream)]),
            connections: self.connections,
            per_second: self.per_second,
            measure: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up_s),
            process: pid.map(Process),
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match Cli::parse().verb {
        Verb::Bare { listen, upstream } => {
            let proxy = Bare::to(&upstream)?;
            let (listener, address) = Bare::listen(listen).await?;
            writeln!(out, "ready http://{address}")?;
            proxy.serve(listener).await?;
        }
        Verb::Signer { listen } => {
            let (listener, address) = Bare::listen(listen).await?;
            writeln!(out, "ready http://{address}")?;
            Signer::new()?.serve(listener).await?;
        }
        Verb::Load { url, pid, shape } => {
            let report = shape.load(&url, pid)?.run().await?;
            writeln!(out, "{}", serde_json::to_string_pretty(&report.summary())?)?;
        }
        Verb::Compare { a, a_pid, b, b_pid, rounds, shape } => {
            let (a, b) = (shape.load(&a, Some(a_pid))?, shape.load(&b, Some(b_pid))?);
            let measure = async |subject, _| {
                let load = if subject == Subject::A { &a } else { &b };
                let report = load.run().await?;
                anyhow::ensure!(report.errors == 0, "{} calls failed", report.errors);
                Ok(report.sample())
            };
            let compared = rounds::rounds(rounds, measure).await?;
            writeln!(out, "{}", serde_json::to_string_pretty(&compared)?)?;
        }
    }
    Ok(())
}
