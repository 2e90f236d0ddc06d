//! A caller on a bare connection, who can leave whenever a test wants.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request on a connection of its own. Dropped, the caller is gone.
pub struct RawCall {
    stream: TcpStream,
    /// What was read so far, head and all.
    pub heard: Vec<u8>,
}

impl RawCall {
    /// Sends `POST path` with this key and body to the server at `url`.
    pub async fn post(url: &str, path: &str, key: &str, body: &Value) -> Result<Self> {
        let host = url.strip_prefix("http://").context("a plain URL")?;
        let body = body.to_string();
        let length = body.len();
        let mut stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        Ok(Self { stream, heard: Vec::new() })
    }

    /// Reads until at least `bytes` have come in all. `false`: the answer ended before.
    pub async fn hear(&mut self, bytes: usize) -> Result<bool> {
        while self.heard.len() < bytes {
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads until `text` has come, for at most `patience`. `false`: it has not.
    pub async fn hear_text(&mut self, text: &str, patience: Duration) -> Result<bool> {
        let deadline = tokio::time::Instant::now() + patience;
        while !String::from_utf8_lossy(&self.heard).contains(text) {
            let read = self.stream.read_buf(&mut self.heard);
            match tokio::time::timeout_at(deadline, read).await {
                Ok(Ok(0)) | Ok(Err(_)) | Err(_) => return Ok(false),
                Ok(Ok(_)) => {}
            }
        }
        Ok(true)
    }

    /// What was read so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }
}
