//! `/metrics`: what the server has counted, in Prometheus' text format, on a listener of its own.
//!
//! Labels have few values each: a door, a status, an outcome. Nobody is named. What is counted is
//! counted as plain numbers on the way; words are put to it here, when somebody asks.

use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::extract::State;
use tollgate_edge::{Dialect, Edge, Reply, Row, bind, reply};
use tollgate_gate::{COMMIT_BOUNDS_US, Gate, LedgerFigures};
use tollgate_kernel::Access;

/// Prometheus' text format.
const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is looked at.
#[derive(Clone)]
pub struct Counted {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The edge whose requests are counted.
    pub edge: Arc<Edge>,
}

/// `/metrics`.
pub fn rows(counted: &Counted) -> Vec<Row> {
    let row = Row::get("/metrics", Access::Public, "Tell what was counted", show)
        .ignores_credentials()
        .dialect(Dialect::Problem);
    bind(vec![row], counted)
}

async fn show(State(counted): State<Counted>) -> Reply {
    Ok(reply::typed(TYPE, page(&counted)))
}

/// The whole page.
fn page(Counted { gate, edge }: &Counted) -> String {
    let mut page = Page(String::with_capacity(4_096));
    let figures = gate.figures();
    page.head("tollgate_build_info", "gauge", "Always 1; the label says which version this is.");
    page.line("tollgate_build_info", &[("version", &env!("CARGO_PKG_VERSION"))], 1);
    let help = "Requests answered, by door and status; status 0: the caller left before.";
    page.head("tollgate_requests_total", "counter", help);
    for (door, status, count) in edge.traffic().answered() {
        page.line("tollgate_requests_total", &[("door", &door), ("status", &status)], count);
    }
    page.one("tollgate_requests_open", "gauge", "Requests in answer.", edge.traffic().open());
    ledger(&mut page, &figures.ledger);
    let help = "Upstreams that failed before they answered, by what went wrong.";
    page.head("tollgate_upstream_failures_total", "counter", help);
    for (kind, count) in figures.upstream_failures {
        page.line("tollgate_upstream_failures_total", &[("kind", &kind)], count);
    }
    let help = "Answers that are read on because their callers left.";
    page.one("tollgate_draining", "gauge", help, figures.draining);
    let (hashing, waiting) = figures.passwords;
    page.one("tollgate_passwords_hashing", "gauge", "Passwords that are being hashed.", hashing);
    let help = "Passwords that wait for their turn to be hashed.";
    page.one("tollgate_passwords_waiting", "gauge", help, waiting);
    let help = "Things that are remembered, by what they are.";
    page.head("tollgate_cache_entries", "gauge", help);
    page.line("tollgate_cache_entries", &[("cache", &"credentials")], figures.credentials);
    page.line("tollgate_cache_entries", &[("cache", &"rates")], figures.rates);
    if let Some(bytes) = resident() {
        let help = "Memory of the process that is in use, in bytes.";
        page.one("process_resident_memory_bytes", "gauge", help, bytes);
    }
    page.0
}

fn ledger(page: &mut Page, figures: &LedgerFigures) {
    let name = "tollgate_holds_total";
    page.head(name, "counter", "Holds that were asked for, by who gave or refused them.");
    let given = figures.asked.saturating_sub(figures.refused);
    page.line(name, &[("by", &"memory")], figures.from_memory);
    page.line(name, &[("by", &"database")], given);
    page.line(name, &[("by", &"refused")], figures.refused);
    let name = "tollgate_calls_total";
    page.head(name, "counter", "Attempts of model calls that are over, by how they were charged.");
    for (outcome, count) in [
        ("settled", figures.settled),
        ("estimated", figures.estimated),
        ("failed", figures.failed),
        ("voided", figures.voided),
    ] {
        page.line(name, &[("outcome", &outcome)], count);
    }
    let help = "Calls whose upstream reported more than was held for them.";
    page.one("tollgate_calls_above_hold_total", "counter", help, figures.excess);
    let help = "Calls whose open record is in the journal.";
    page.one("tollgate_calls_open", "gauge", help, figures.open);
    let help = "Accounts of which this node holds a slice, or did lately.";
    page.one("tollgate_ledger_accounts", "gauge", help, figures.accounts);
    let name = "tollgate_ledger_queue";
    page.head(name, "gauge", "What waits for the ledger's next commit.");
    let (records, entries, calls) = figures.queued;
    page.line(name, &[("what", &"records")], records);
    page.line(name, &[("what", &"entries")], entries);
    page.line(name, &[("what", &"calls")], calls);
    let help = "1 while the ledger's store takes records, else 0.";
    page.one("tollgate_ledger_up", "gauge", help, u8::from(figures.up));
    commits(page, figures);
}

/// A histogram: each class counts all that were as fast or faster.
fn commits(page: &mut Page, figures: &LedgerFigures) {
    let name = "tollgate_ledger_commit_seconds";
    page.head(name, "histogram", "How long the ledger's commits took.");
    let bucket = format!("{name}_bucket");
    let mut so_far = 0;
    for (at, count) in figures.commits.iter().enumerate() {
        so_far += count;
        let bound = COMMIT_BOUNDS_US.get(at).map_or("+Inf".to_owned(), |us| seconds(*us));
        page.line(&bucket, &[("le", &bound)], so_far);
    }
    page.line(&format!("{name}_sum"), &[], figures.commit_time.as_secs_f64());
    page.line(&format!("{name}_count"), &[], so_far);
}

fn seconds(us: u64) -> String {
    std::time::Duration::from_micros(us).as_secs_f64().to_string()
}

/// What the kernel says of this process, where it has `/proc`.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

/// The page in the making. Writing to a text cannot fail.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let start = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{start}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }
}
