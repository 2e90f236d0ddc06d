//! Somebody who makes keys and revokes some of them, over the socket for the command line, as long
//! as the server lives; and who looks afterwards whether what was said to be done is done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::load::is_whole;

/// What the server has said of its keys.
pub(crate) struct Manager {
    socket: PathBuf,
    user: String,
    /// The state that each key was said to have.
    keys: BTreeMap<String, &'static str>,
}

impl Manager {
    /// Makes keys of `user`.
    pub(crate) fn new(socket: PathBuf, user: String) -> Self {
        Self { socket, user, keys: BTreeMap::new() }
    }

    /// Makes keys, and revokes every other one, until the server is gone.
    pub(crate) async fn work(mut self) -> Result<Self> {
        let new = json!({ "name": "made in a round", "user": self.user });
        loop {
            let Some((status, made)) = self.ask("POST", "/api/v1/keys", Some(&new)).await else {
                return Ok(self);
            };
            ensure!(status == 201, "making a key: {status} {made}");
            let id = made["id"].as_str().context("a key without an id")?.to_owned();
            let revoked = self.keys.len() % 2 == 1;
            self.keys.insert(id.clone(), "active");
            if !revoked {
                continue;
            }
            // From here on the key is one or the other until the server says which.
            self.keys.remove(&id);
            match self.ask("DELETE", &format!("/api/v1/keys/{id}"), None).await {
                Some((status, said)) => {
                    ensure!((200..300).contains(&status), "revoking a key: {status} {said}");
                    self.keys.insert(id, "revoked");
                }
                None => return Ok(self),
            }
        }
    }

    /// Whether a server that was started later knows all of it. How many keys that are is the
    /// answer.
    pub(crate) async fn check(&self) -> Result<usize> {
        for (id, state) in &self.keys {
            let path = format!("/api/v1/keys/{id}");
            let (status, key) = self.ask("GET", &path, None).await.context("the server is gone")?;
            ensure!(status == 200 && key["state"] == *state, "not {state}: {status} {key}");
        }
        Ok(self.keys.len())
    }

    /// One request on a connection of its own; nothing where no whole answer came.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let mut stream = UnixStream::connect(&self.socket).await.ok()?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut heard = Vec::new();
        loop {
            if stream.read_buf(&mut heard).await.ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&heard);
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
            // An answer without content (RFC 9110, 15.3.5) ends with its head.
            let bare = status == Some(204) && text.contains("\r\n\r\n");
            if bare || is_whole(&text) {
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                return Some((status?, serde_json::from_str(body).unwrap_or_default()));
            }
        }
    }
}
