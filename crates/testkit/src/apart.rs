//! A demo model that is a process of its own: what it counts, it counts without our help.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_server::demo_model::{Line, Totals, read_meter};

use crate::process::{Running, binary};
use crate::server::PROVIDER_KEY;
use crate::{Client, TestServer};

/// A demo model in another process. Dropped, it is killed.
pub struct ModelApart {
    running: Running,
    client: Client,
    folder: TempDir,
}

impl TestServer {
    /// Starts a demo model as a process of its own and makes it the upstream `id`.
    pub async fn model_apart(&self, id: &str) -> Result<ModelApart> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(binary()?);
        command.args(["demo-model", "--api-key", PROVIDER_KEY, "--meter"]);
        command.arg(meter(&folder));
        let running = Running::start(command, &folder.path().join("log")).await?;
        self.add_upstream(id, &format!("{}/v1", running.url()), PROVIDER_KEY).await?;
        self.gate.refresh_lists().await;
        let client = Client::new(running.url(), None);
        Ok(ModelApart { running, client, folder })
    }
}

impl ModelApart {
    /// What its meter came to so far.
    pub async fn totals(&self) -> Result<Totals> {
        let answer = self.client.get("/meter").await?;
        if answer.status != 200 {
            bail!("the demo model at {} says {}", self.running.url(), answer.text);
        }
        Ok(serde_json::from_str(&answer.text)?)
    }

    /// What it metered call by call, once no call is under way.
    pub async fn metered(&self, patience: Duration) -> Result<Vec<Line>> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let open = self.totals().await?.open;
            if open == 0 {
                return Ok(read_meter(&meter(&self.folder))?);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{open} calls are still open");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn meter(folder: &TempDir) -> PathBuf {
    folder.path().join("meter.jsonl")
}
