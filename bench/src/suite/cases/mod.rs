//! The cases, in the order of the table.

mod calls;
mod connections;
mod credentials;
mod idle;
mod many_keys;
mod sign_ins;
mod tokens;
mod tools;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::{HeaderValue, header};
use tollgate_bench::load::{Choice, Load, chat_body};
use tollgate_bench::rounds::{self, Compared, Subject};

use crate::programs::{Place, Running};
use crate::report::Row;

/// Connections of a load.
const CONNECTIONS: usize = 64;

const CHAT: &str = "/v1/chat/completions";

/// A case.
pub(crate) struct Case {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it measures, for the table where it could not.
    what: &'static str,
    bar: (f64, &'static str),
    /// Measures it.
    pub(crate) run: for<'a> fn(&'a Bench) -> Measuring<'a>,
}

type Measuring<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>>> + 'a>>;

/// All of them.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "json",
        what: "CPU per call with everything on, over the bare proxy",
        bar: (1.8, "×"),
        run: |bench| Box::pin(calls::json(bench)),
    },
    Case {
        name: "credentials",
        what: "CPU per call with a JWT or a session seen before, over a key",
        bar: (1.1, "×"),
        run: |bench| Box::pin(credentials::compare(bench)),
    },
    Case {
        name: "streams",
        what: "CPU per event of a stream, over the bare proxy",
        bar: (1.3, "×"),
        run: |bench| Box::pin(calls::streams(bench)),
    },
    Case {
        name: "latency",
        what: "latency at 500 calls/s over the bare proxy",
        bar: (0.1, "ms"),
        run: |bench| Box::pin(calls::latency(bench)),
    },
    Case {
        name: "tool",
        what: "CPU per call of a tool with everything on, over the bare proxy",
        bar: (1.9, "×"),
        run: |bench| Box::pin(tools::call(bench)),
    },
    Case {
        name: "connection",
        what: "CPU per call through a connection with everything on, over the bare proxy",
        bar: (2.0, "×"),
        run: |bench| Box::pin(connections::call(bench)),
    },
    Case {
        name: "many-keys",
        what: "CPU per call, 1,000,000 keys of which 100,000 are in use, over 10 keys",
        bar: (1.25, "×"),
        run: |bench| Box::pin(many_keys::compare(bench)),
    },
    Case {
        name: "tokens",
        what: "CPU per token by client credentials, over a bare server that makes one signature",
        bar: (2.0, "×"),
        run: |bench| Box::pin(tokens::compare(bench)),
    },
    Case {
        name: "start",
        what: "from the start to being ready, on an empty store",
        bar: (100.0, "ms"),
        run: |bench| Box::pin(idle::start(bench)),
    },
    Case {
        name: "idle-streams",
        what: "memory with 10,000 idle streams, over the bare proxy",
        bar: (1.3, "×"),
        run: |bench| Box::pin(idle::streams(bench)),
    },
    Case {
        name: "idle",
        what: "memory 60 s after 10 sign-ins and 1,000 calls",
        bar: (30.0, "MiB"),
        run: |bench| Box::pin(idle::memory(bench)),
    },
    Case {
        name: "sign-in-storm",
        what: "p99 of model calls during a storm of sign-ins, over that without",
        bar: (2.0, "×"),
        run: |bench| Box::pin(sign_ins::storm(bench)),
    },
];

impl Case {
    /// The line of a case that ended with an error.
    pub(crate) fn failed(&self, error: &anyhow::Error) -> Row {
        Row::not_measured(self.name, self.what, self.bar, &format!("it failed: {error:#}"))
    }
}

/// How to measure.
pub(crate) struct Bench {
    /// Where programs and data are.
    pub(crate) place: Place,
    /// Rounds of a comparison.
    pub(crate) rounds: usize,
    /// Seconds of a round.
    pub(crate) seconds: f64,
    /// Whether waits are cut short.
    pub(crate) quick: bool,
    /// How many files a process may have open.
    pub(crate) open_files: u64,
}

/// What two subjects have in common, and the rest of a load.
type Figures = BTreeMap<&'static str, Compared>;

impl Bench {
    /// A closed loop of calls of `model` at `server`.
    fn load(&self, server: &Running, model: &str, keys: Arc<[HeaderValue]>) -> Result<Load> {
        Ok(Load {
            target: server.address()?,
            path: CHAT.to_owned(),
            headers: Vec::new(),
            carrier: header::AUTHORIZATION,
            credentials: keys,
            choice: Choice::Drawn,
            bodies: Arc::new([chat_body(model, false)]),
            connections: CONNECTIONS,
            per_second: None,
            measure: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_millis(500),
            process: Some(server.process()?),
        })
    }

    /// Measures two loads in interleaved rounds. No call may fail.
    async fn compare(&self, a: &Load, b: &Load) -> Result<Figures> {
        rounds::rounds(self.rounds, async |subject, round| {
            let load = if subject == Subject::A { a } else { b };
            let report = load.run().await?;
            ensure!(
                report.errors == 0 && report.calls > 0,
                "{} calls failed, {} were answered: {}",
                report.errors,
                report.calls,
                report.error.unwrap_or_default()
            );
            let sample = report.sample();
            let shown = |name: &str| sample.get(name).copied().unwrap_or(f64::NAN);
            eprintln!(
                "  round {} {subject:?}: {:.0} calls/s, {:.1} µs CPU a call, p50 {} µs, p99 {} µs",
                round + 1,
                shown("calls_per_s"),
                shown("cpu_us_per_call"),
                shown("p50_us"),
                shown("p99_us"),
            );
            Ok(sample)
        })
        .await
    }
}

fn figure(figures: &Figures, name: &str) -> Result<Compared> {
    figures.get(name).copied().with_context(|| format!("no figure {name}"))
}
