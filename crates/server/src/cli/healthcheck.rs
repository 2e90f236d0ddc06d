//! `tollgate healthcheck`.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::args::{Global, HealthcheckArgs};
use super::manage::loopback;
use crate::ask::{Answer, Asker};
use crate::config::{Config, Sources};
use crate::exit::Exit;
use crate::wire::socket_path;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the running server whether it is ready: 0 if it is, else 69.
pub(super) async fn run(global: &Global, args: &HealthcheckArgs) -> Result<(), Exit> {
    let late = |_| Exit::unavailable("the server does not answer", "look at the server's log");
    let answer = tokio::time::timeout(PATIENCE, ask(global, args)).await.map_err(late)??;
    if !answer.status.is_success() {
        return Err(Exit::unavailable("the server is not ready", "look at the server's log"));
    }
    if global.json {
        println!("{}", json!({ "ready": true }));
    } else if !global.quiet {
        println!("ready");
    }
    Ok(())
}

async fn ask(global: &Global, args: &HealthcheckArgs) -> Result<Answer, Exit> {
    let mut asker = match &args.url {
        Some(url) => Asker::tcp(loopback(url)?, None).await?,
        None => {
            let sources = Sources::of_process(global.config.as_deref(), Vec::new())?;
            let server = Config::load_server(&sources)?;
            Asker::local(&socket_path(&server.data_dir)).await?
        }
    };
    let asked = asker.ask(Method::GET, "/readyz", None).await;
    // Whatever else goes wrong with a connection that was there, the server is not of use.
    asked.map_err(|_| Exit::unavailable("the server does not answer", "look at the server's log"))
}

#[cfg(test)]
#[path = "healthcheck_tests.rs"]
mod tests;
