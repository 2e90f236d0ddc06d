//! A few requests by hand, one connection each, for what is not a load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, read whole.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    text: String,
}

/// Sends `head` (method and path), more header lines, and a body.
pub(crate) async fn send(
    to: SocketAddr,
    head: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer> {
    let mut stream = TcpStream::connect(to).await?;
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n{more}\
         content-length: {length}\r\n\r\n{body}",
        to.port()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.context("that is no answer")?, text })
}

impl Answer {
    /// What stands between two texts, in head or body.
    fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(before)?;
        Some(rest.split_once(after)?.0)
    }
}

/// Waits until the server says that it is ready.
pub(crate) async fn ready(server: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if send(server, "GET /readyz", &[], "").await?.status == 200 {
            return Ok(());
        }
    }
    bail!("the server is not ready")
}

/// The sign-in form as a browser has it.
#[derive(Clone)]
pub(crate) struct SignInForm {
    server: SocketAddr,
    cookie: String,
    csrf: String,
}

impl SignInForm {
    /// Gets the page.
    pub(crate) async fn get(server: SocketAddr) -> Result<Self> {
        let page = send(server, "GET /login", &[], "").await?;
        ensure!(page.status == 200, "the sign-in page answers {}", page.status);
        let csrf = page.between("name=\"csrf\" value=\"", "\"").context("no form token")?;
        let cookie = page.between("set-cookie: tollgate-pre=", ";").context("no cookie")?;
        let cookie = format!("tollgate-pre={cookie}");
        Ok(Self { server, cookie, csrf: csrf.to_owned() })
    }

    /// Signs in.
    pub(crate) async fn send(&self, email: &str, password: &str) -> Result<()> {
        let origin = format!("http://localhost:{}", self.server.port());
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let email = email.replace('@', "%40");
        let body = format!("csrf={}&username={email}&password={password}", self.csrf);
        let answer = send(self.server, "POST /login", &headers, &body).await?;
        ensure!(answer.status == 303, "signing in was answered {}", answer.status);
        Ok(())
    }
}
