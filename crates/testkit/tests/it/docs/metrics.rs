//! `/metrics`, scraped on a whole server; `docs/reference/metrics.md` is made from the scrape.

use std::fmt::Write;
use std::time::Duration;

use tollgate_server::config::{Config, FileSource, Sources};
use tollgate_testkit::{Engine, RawCall, TestServer, chat_body};

use super::{cell, is_committed};
use crate::models::both::until;

const HEAD: &str = "\
# Metrics

Made from a scrape. Off by default; `[metrics] listen = \"127.0.0.1:8701\"` opens a listener of its
own, on loopback only, that answers `/metrics` in Prometheus' text format. Labels have few values
each, and none names a person, a key, a model or a prompt.

| metric | kind | labels | meaning |
|---|---|---|---|
";

/// The value of the line that begins so.
fn value(scrape: &str, line: &str) -> Option<f64> {
    let found = scrape.lines().find_map(|at| at.strip_prefix(line)?.strip_prefix(' '));
    found.and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_counted_and_the_reference_names_it_all() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("canary-alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    server.mocks(&[("down", "status=500"), ("slow", "chunks=1000,every=20ms")]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    assert_eq!(client.chat("down", 5).await.unwrap().status, 502);
    assert_eq!(server.anonymous().get("/api/v1/me").await.unwrap().status, 401);
    assert_eq!(server.anonymous().get("/login").await.unwrap().status, 200);
    server.entries(4).await.unwrap();
    let mut body = chat_body("slow", 1_000);
    body["stream"] = true.into();
    let mut call = RawCall::post(&server.url, "/v1/chat/completions", &key, &body).await.unwrap();
    assert!(call.hear_text("data: ", Duration::from_secs(5)).await.unwrap());

    let scraper = server.metrics();
    // A request counts when its last byte is sent, a moment after its caller has it.
    let one_open = async || {
        let scrape = scraper.get("/metrics").await.unwrap().text;
        value(&scrape, "tollgate_requests_open") == Some(1.0)
    };
    assert!(until(Duration::from_secs(5), one_open).await);
    let answer = scraper.get("/metrics").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let scrape = &answer.text;
    let is = |line: &str, expected: f64| {
        assert_eq!(value(scrape, line), Some(expected), "{line} in\n{scrape}");
    };
    is("tollgate_requests_total{door=\"models\",status=\"200\"}", 3.0);
    is("tollgate_requests_total{door=\"models\",status=\"502\"}", 1.0);
    is("tollgate_requests_total{door=\"management\",status=\"401\"}", 1.0);
    is("tollgate_requests_total{door=\"pages\",status=\"200\"}", 1.0);
    is("tollgate_requests_open", 1.0);
    is("tollgate_calls_total{outcome=\"settled\"}", 3.0);
    is("tollgate_calls_total{outcome=\"failed\"}", 1.0);
    is("tollgate_calls_open", 1.0);
    is("tollgate_upstream_failures_total{kind=\"failed\"}", 1.0);
    is("tollgate_ledger_up", 1.0);
    assert!(value(scrape, "tollgate_cache_entries{cache=\"credentials\"}").is_some());
    let commits = value(scrape, "tollgate_ledger_commit_seconds_count").unwrap();
    assert!(commits >= 4.0 && value(scrape, "tollgate_ledger_commit_seconds_sum").unwrap() > 0.0);
    is("tollgate_ledger_commit_seconds_bucket{le=\"+Inf\"}", commits);
    assert!(value(scrape, "process_resident_memory_bytes").unwrap() > 1e6);
    for secret in ["canary", key.as_str(), "tollgate-demo"] {
        assert!(!scrape.contains(secret), "{secret} in\n{scrape}");
    }

    // Nothing else is there, and nothing of it at the doors; a page's own name is not answered.
    assert_eq!(scraper.get("/api/v1/me").await.unwrap().status, 404);
    assert_eq!(server.anonymous().get("/metrics").await.unwrap().status, 404);
    let rebound = scraper.request("GET", "/metrics").header("host", "evil.example");
    assert_ne!(scraper.send(rebound).await.unwrap().status, 200);

    drop(call);
    let drained = async || {
        let scrape = scraper.get("/metrics").await.unwrap().text;
        value(&scrape, "tollgate_draining") == Some(1.0)
    };
    assert!(until(Duration::from_secs(5), drained).await);
    is_committed("metrics.md", &page(scrape));
    server.stop().await.unwrap();
}

fn page(scrape: &str) -> String {
    let mut page = HEAD.to_owned();
    let mut heads = scrape.lines().filter_map(|line| line.strip_prefix("# "));
    while let (Some(help), Some(kind)) = (heads.next(), heads.next()) {
        let (name, help) = help.strip_prefix("HELP ").unwrap().split_once(' ').unwrap();
        let kind = kind.strip_prefix("TYPE ").unwrap().split_once(' ').unwrap().1;
        let mut labels: Vec<&str> = scrape
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")))
            .flat_map(|line| line.split(['{', ',', '"', '}']))
            .filter_map(|part| part.strip_suffix('='))
            .collect();
        labels.sort_unstable();
        labels.dedup();
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{name}` | {kind} | {} | {} |", labels.join(", "), cell(help)).unwrap();
    }
    page
}

#[test]
fn metrics_stay_on_loopback() {
    let load = |address: &str| {
        let text = format!("[metrics]\nlisten = \"{address}\"\n");
        let file = FileSource { path: "tollgate.toml".into(), text };
        Config::load(&Sources { file: Some(file), ..Sources::default() })
    };
    for address in ["127.0.0.1:8701", "[::1]:0"] {
        let config = load(address).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.metrics, Some(address.parse().unwrap()));
    }
    for address in ["0.0.0.0:8701", "[::]:8701", "192.0.2.1:8701", "8701", "localhost:8701"] {
        let Err(problems) = load(address) else { panic!("{address} was taken") };
        assert!(problems.to_string().contains("metrics.listen"), "{problems}");
    }
}
