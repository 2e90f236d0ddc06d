//! The official OpenAI SDKs as programs of their own, and what the ledger has of their calls.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tollgate_kernel::EntryState;
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::TestServer;

/// One of the two SDKs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    Python,
    Node,
}

impl Sdk {
    fn command(self) -> tokio::process::Command {
        let (variable, script) = match self {
            Self::Python => ("TOLLGATE_TEST_PYTHON", "tests/peers/python/sdk.py"),
            Self::Node => ("TOLLGATE_TEST_NODE", "tests/peers/node/sdk.mjs"),
        };
        let interpreter = std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} must name an interpreter: cargo xtask test"));
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(script);
        let mut command = tokio::process::Command::new(interpreter);
        command.arg(script);
        command
    }

    /// Runs scenarios; what each one saw, by its name.
    pub(crate) async fn run(
        self,
        server: &TestServer,
        key: &str,
        scenarios: &[&str],
        settings: &[(&str, &str)],
    ) -> BTreeMap<String, Value> {
        let mut command = self.command();
        command.args(scenarios).env("TOLLGATE_URL", &server.url).env("TOLLGATE_KEY", key);
        command.env("TOLLGATE_MODEL", "tollgate-demo");
        command.env("TOLLGATE_EMBEDDING_MODEL", "tollgate-demo-embedding");
        command.envs(settings.iter().copied());
        let done = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{self:?} {scenarios:?}: {said}");
        let lines = String::from_utf8(done.stdout).unwrap();
        let seen = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        seen.map(|seen| (seen["scenario"].as_str().unwrap().to_owned(), seen)).collect()
    }
}

/// The usage that an SDK saw is that of the entry of its request.
pub(crate) fn same_usage(seen: &Value, entries: &[EntryRow]) {
    let id = seen["request_id"].as_str().unwrap();
    let entry = entries.iter().find(|entry| entry.request_id == id).expect("an entry");
    assert_eq!(entry.state, EntryState::Settled, "{seen}");
    if seen["usage"].is_object() {
        assert_eq!(seen["usage"]["input"], entry.usage.input_tokens, "{seen}");
        assert_eq!(seen["usage"]["output"], entry.usage.output_tokens, "{seen}");
    }
}
