//! The line to a database, which a test can make silent: nothing passes and nothing is closed, as
//! when a network swallows packets. Afterwards it passes again, for all connections or for new ones
//! alone.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use url::Url;

#[derive(Clone, Copy)]
enum State {
    Passing,
    /// Silent from the next answer on that has this in it.
    Until(&'static str),
    Silent,
}

/// What a line is at.
struct Traffic {
    state: State,
    /// Connections that were made when this was lower are lost: they are silent for good.
    age: u32,
}

/// A line that leads from a port of its own to a server. Dropped, it ends with all that it carries.
pub struct Line {
    port: u16,
    traffic: Arc<watch::Sender<Traffic>>,
    carrier: AbortHandle,
}

impl Line {
    /// Lays a line to the server of this URL.
    pub(crate) async fn lay(server: &Url) -> Result<Self> {
        let host = server.host_str().context("no host")?.to_owned();
        let to = (host, server.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let traffic = Arc::new(watch::Sender::new(Traffic { state: State::Passing, age: 0 }));
        let carrier = tokio::spawn(carry(listener, to, Arc::clone(&traffic))).abort_handle();
        Ok(Self { port, traffic, carrier })
    }

    /// The same URL by way of this line.
    pub(crate) fn url(&self, url: &str) -> Result<String> {
        let mut url = Url::parse(url)?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(self.port)).ok().context("no port")?;
        Ok(url.into())
    }

    /// From now on nothing passes.
    pub fn silence(&self) {
        self.traffic.send_modify(|traffic| traffic.state = State::Silent);
    }

    /// Nothing passes from the next answer on that has `text` in it: what it answers is done, and
    /// nobody is told.
    pub fn silence_at(&self, text: &'static str) {
        self.traffic.send_modify(|traffic| traffic.state = State::Until(text));
    }

    /// Whether nothing passes.
    pub fn is_silent(&self) -> bool {
        matches!(self.traffic.borrow().state, State::Silent)
    }

    /// What was held up arrives, and all passes again.
    pub fn pass(&self) {
        self.traffic.send_modify(|traffic| traffic.state = State::Passing);
    }

    /// New connections pass. Those that there are stay silent, and neither end is told.
    pub fn pass_anew(&self) {
        self.traffic.send_modify(|Traffic { state, age }| {
            *state = State::Passing;
            *age += 1;
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

async fn carry(listener: TcpListener, to: (String, u16), traffic: Arc<watch::Sender<Traffic>>) {
    let mut calls = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let to = to.clone();
        let age = traffic.borrow().age;
        let call = Call { traffic: Arc::clone(&traffic), age };
        calls.spawn(async move {
            call.passes().await;
            let Ok(far) = TcpStream::connect(to).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            // An end that has closed ends both ways: databases know no half of a connection.
            tokio::select! {
                () = call.pump(from_near, to_far, |_| {}) => {}
                () = call.pump(from_far, to_near, |bytes| call.heed(bytes)) => {}
            }
        });
    }
}

/// One connection.
struct Call {
    traffic: Arc<watch::Sender<Traffic>>,
    age: u32,
}

impl Call {
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        heed: impl Fn(&[u8]),
    ) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let bytes = buffer.get(..read).unwrap_or_default();
            heed(bytes);
            self.passes().await;
            if bytes.is_empty() || to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    /// Silences the line at the answer that is waited for.
    fn heed(&self, answer: &[u8]) {
        self.traffic.send_if_modified(|Traffic { state, .. }| {
            let State::Until(text) = *state else { return false };
            let found = answer.windows(text.len()).any(|bytes| bytes == text.as_bytes());
            if found {
                *state = State::Silent;
            }
            found
        });
    }

    async fn passes(&self) {
        let passes =
            |traffic: &Traffic| traffic.age == self.age && !matches!(traffic.state, State::Silent);
        let _ = self.traffic.subscribe().wait_for(passes).await;
    }
}
