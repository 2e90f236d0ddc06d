//! The accept loop. It is ours because every step of a connection needs a deadline, and because a
//! stop must let running answers finish.

mod line_ends;
mod paced;
mod steady;
mod unread;
mod versions;
mod workers;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::TryFutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::app::App;
use crate::network::{Address, Peer};
use crate::tls::Tls;
use paced::Paced;
pub(crate) use paced::{Busy, Pulse};
use steady::Steady;
use unread::Answers;
use versions::Version;
use workers::Seat;
pub use workers::Workers;

/// Where connections come from.
pub enum Listener {
    /// Anybody who reaches this address.
    Tcp(TcpListener),
    /// The same, behind TLS.
    Tls(TcpListener, Tls),
    /// The socket in the data folder. Who may open it acts with the owner's rights.
    Local(UnixListener),
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No stop.
    Running,
    /// No new connections; running answers finish.
    Draining,
    /// Running answers are cut.
    Now,
}

/// How long a connection may take for each step.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For a request's head, from its first byte or from the connection's start.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For the other end to take any bytes that we have for it.
    pub write_stall: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            write_stall: Duration::from_secs(60),
        }
    }
}

/// How long accepting rests when the process has no file descriptors left.
const OUT_OF_FILES: Duration = Duration::from_millis(100);

/// One listener and what answers on it.
pub struct Serve {
    /// Where connections come from.
    pub listener: Listener,
    /// What answers.
    pub app: App,
    /// Where it answers.
    pub workers: Arc<Workers>,
    /// How far a stop has come. The sender's end counts as [`Phase::Draining`].
    pub shutdown: watch::Receiver<Phase>,
    /// How long running answers may go on after the stop; 300 s unless the owner says otherwise.
    pub drain: Duration,
    /// Most connections at once; more wait in the kernel's queue.
    pub max_connections: u32,
    /// How long each step may take.
    pub pace: Pace,
}

impl Serve {
    /// Answers connections until the stop, then lets them finish. Returns how many had to be cut.
    pub async fn run(self) -> u32 {
        let Self { listener, app, workers, mut shutdown, drain, max_connections, pace } = self;
        let slots = Arc::new(Semaphore::new(max_connections as usize));
        let (stop, stopping) = watch::channel(Phase::Running);
        let (one, two) = (Arc::new(versions::one()), Arc::new(versions::two()));
        let connections = Connections { app, one, two, pace, stopping };
        tokio::select! {
            () = reached(&mut shutdown, Phase::Draining) => {}
            () = accept(&listener, &slots, &workers, &connections) => {}
        }
        drop(listener);
        stop.send_replace(Phase::Draining);
        tokio::select! {
            _ = slots.acquire_many(max_connections) => {}
            () = tokio::time::sleep(drain) => {}
            () = reached(&mut shutdown, Phase::Now) => {}
        }
        let open = max_connections as usize - slots.available_permits();
        stop.send_replace(Phase::Now);
        let _ = slots.acquire_many(max_connections).await;
        u32::try_from(open).unwrap_or(u32::MAX)
    }
}

/// What every connection of a listener is made of.
#[derive(Clone)]
struct Connections {
    app: App,
    one: Arc<http1::Builder>,
    two: Arc<http2::Builder<TokioExecutor>>,
    pace: Pace,
    stopping: watch::Receiver<Phase>,
}

/// Returns when the stop has come as far as `phase`.
async fn reached(shutdown: &mut watch::Receiver<Phase>, phase: Phase) {
    let there = |now: &Phase| *now == phase || *now == Phase::Now;
    if shutdown.wait_for(there).await.is_err() && phase == Phase::Now {
        // Nobody is left who could say it: the drain's own end decides.
        std::future::pending::<()>().await;
    }
}

/// Accepts until it cannot any more, which is never while workers run.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    workers: &Workers,
    connections: &Connections,
) {
    while let Ok(slot) = Arc::clone(slots).acquire_owned().await
        && let Some(seat) = workers.seat()
    {
        let accepted = match listener {
            Listener::Tcp(listener) => accept_tcp(listener, None, seat, slot, connections).await,
            Listener::Tls(listener, tls) => {
                accept_tcp(listener, Some(tls), seat, slot, connections).await
            }
            Listener::Local(listener) => accept_local(listener, seat, slot, connections).await,
        };
        if let Err(error) = accepted {
            // One caller's reset is none of our business; no descriptors left is.
            if !is_the_callers(&error) {
                tracing::warn!(%error, "accepting rests");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
}

fn is_the_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn accept_tcp(
    listener: &TcpListener,
    tls: Option<&Tls>,
    seat: Seat,
    slot: OwnedSemaphorePermit,
    connections: &Connections,
) -> io::Result<()> {
    let (stream, from) = listener.accept().await?;
    // Small events of a stream must not wait for more; that it cannot be set is no reason to stop.
    let _ = stream.set_nodelay(true);
    let stream = stream.into_std()?;
    let connections = connections.clone();
    let tls = tls.cloned();
    seat.spawn(async move {
        // It belongs to the runtime of its worker from here on.
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        let address = Address::Ip(from.ip());
        match tls {
            None => tcp_connection(stream, address, connections, slot).await,
            // In a box, or every connection would have room for it.
            Some(tls) => Box::pin(tls_connection(stream, tls, address, connections, slot)).await,
        }
    });
    Ok(())
}

async fn accept_local(
    listener: &UnixListener,
    seat: Seat,
    slot: OwnedSemaphorePermit,
    connections: &Connections,
) -> io::Result<()> {
    let (stream, _) = listener.accept().await?;
    let uid = stream.peer_cred()?.uid();
    let stream = stream.into_std()?;
    let connections = connections.clone();
    seat.spawn(async move {
        let _slot = slot;
        if let Ok(stream) = UnixStream::from_std(stream) {
            connection(stream, Version::One, Address::Socket { uid }, connections).await;
        }
    });
    Ok(())
}

/// A connection from anywhere. The slot is free again when it is over.
async fn tcp_connection(
    stream: TcpStream,
    address: Address,
    connections: Connections,
    _slot: OwnedSemaphorePermit,
) {
    if let Some(version) = begun(Version::of(&stream), &connections).await {
        connection(stream, version, address, connections).await;
    }
}

/// The same behind TLS.
async fn tls_connection(
    stream: TcpStream,
    tls: Tls,
    address: Address,
    connections: Connections,
    _slot: OwnedSemaphorePermit,
) {
    if let Some((stream, two)) = begun(tls.open(stream), &connections).await {
        let version = if two { Version::Two } else { Version::One };
        connection(stream, version, address, connections).await;
    }
}

/// What a connection begins with. Whoever says nothing, or breaks off, wants nothing.
async fn begun<T>(
    opening: impl Future<Output = io::Result<T>>,
    connections: &Connections,
) -> Option<T> {
    let mut stopping = connections.stopping.clone();
    let opened = tokio::select! {
        opened = tokio::time::timeout(connections.pace.head, opening) => opened,
        () = reached(&mut stopping, Phase::Draining) => return None,
    };
    opened.ok()?.ok()
}

/// One connection, from its first byte to its last.
async fn connection<IO>(io: IO, version: Version, address: Address, connections: Connections)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Connections { app, one, two, pace, stopping } = connections;
    let pulse = Arc::new(Pulse::new());
    let io = TokioIo::new(Paced::new(io, Arc::clone(&pulse), pace, version));
    let peer = Peer { address };
    let of_all = Arc::clone(&pulse);
    // In a box, which goes when the answer has begun: hyper keeps the place of what it runs for as
    // long as the connection lasts.
    let answer = move |request: Request<Incoming>| {
        // At once, not with the first poll: hyper reads on before that.
        let busy = Busy::new(Arc::clone(&pulse));
        let app = app.clone();
        let request = request.map(Body::new);
        Box::pin(
            async move { Ok::<_, Infallible>(app.answer(request, Some(peer), Some(busy)).await) },
        )
    };
    // In a box before it is handed on, or this future would have room for it too.
    match version {
        Version::One => {
            let serving = Steady::new(one.serve_connection(io, service_fn(answer)));
            // The deadlines of its bytes are all that it needs.
            run(serving, stopping, pending(), pending()).await;
        }
        Version::Two => {
            let answers = Answers::new(of_all);
            let idle = answers.rest(pace.idle, pace.write_stall);
            let closing = answers.rest(pace.write_stall, pace.write_stall);
            let watched = |request| {
                let answers = answers.clone();
                answer(request).map_ok(move |answer| answer.map(|body| answers.watch(body)))
            };
            let serving = Steady::new(two.serve_connection(io, service_fn(watched)));
            Box::pin(run(serving, stopping, idle, closing)).await;
        }
    }
}

/// Answers a connection's requests until it ends, it is `idle` or the stop comes. Then it lets
/// answers finish, until there is no more time or it should have been `closing` by itself.
async fn run(
    mut connection: Steady<impl GracefulConnection>,
    mut stopping: watch::Receiver<Phase>,
    idle: impl Future<Output = ()>,
    closing: impl Future<Output = ()>,
) {
    tokio::select! {
        // What ends a connection early is the caller's doing, or is in the request's own line.
        _ = &mut connection => return,
        () = reached(&mut stopping, Phase::Draining) => {}
        () = idle => {}
    }
    connection.inner().graceful_shutdown();
    tokio::select! {
        _ = &mut connection => {}
        () = reached(&mut stopping, Phase::Now) => {}
        () = closing => {}
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "listen/tests.rs"]
mod tests;
