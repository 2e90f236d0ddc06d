//! Connections to upstreams, in use and at rest.
//!
//! Whoever uses a connection drives it, in its own task: an answer wakes that task and no other.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest};
use tokio::task::unconstrained;

use crate::task_waker::TaskWaker;
use crate::wire::Wire;

/// How often, in the time that a connection to an upstream may be idle, those are looked for that
/// were so for too long, or that the upstream has closed.
const SWEEPS: u32 = 6;

/// The most connections to upstreams that a thread keeps though nobody uses them.
const MOST_IDLE: usize = 1_024;

type Sent = Request<Full<Bytes>>;
type Driver = Pin<Box<Connection<Wire, Full<Bytes>>>>;

/// A connection, for one request after the other.
pub(crate) struct UpstreamConnection {
    send: SendRequest<Full<Bytes>>,
    /// Until it ends. What waits for it hears of the end when it is dropped.
    driver: Option<Driver>,
    /// The task that uses it, and how the connection wakes that.
    task: Arc<TaskWaker>,
    waker: Waker,
}

impl UpstreamConnection {
    /// A connection that was made. Boxed, because it goes from hand to hand.
    pub(crate) fn new(
        send: SendRequest<Full<Bytes>>,
        connection: Connection<Wire, Full<Bytes>>,
    ) -> Box<Self> {
        let task = Arc::<TaskWaker>::default();
        let waker = Waker::from(task.clone());
        Box::new(Self { send, driver: Some(Box::pin(connection)), task, waker })
    }

    /// Sends `request` and waits for the head of its answer. On an error the request comes back
    /// where nothing of it was sent.
    pub(crate) async fn answer(
        &mut self,
        request: Sent,
    ) -> Result<Response<Incoming>, TrySendError<Sent>> {
        // An answer comes by the connection alone, so nothing else needs to wake anybody: but a
        // task that has done enough for one turn would be told to wait, though the answer is there.
        let mut answer = std::pin::pin!(unconstrained(self.send.try_send_request(request)));
        std::future::poll_fn(|context| {
            self.drive(context);
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// Moves bytes; whether the connection still stands.
    fn drive(&mut self, context: &mut Context<'_>) -> bool {
        self.task.is_for(context.waker());
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready()
        {
            self.driver = None;
        }
        self.driver.is_some()
    }

    /// Whether it can take another request.
    fn is_at_rest(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.send.is_ready() || (self.drive(&mut nobody) && self.send.is_ready())
    }
}

/// The connections of one thread that nobody uses.
pub(crate) struct Pool(Mutex<Vec<Idle>>);

struct Idle {
    origin: Arc<Uri>,
    connection: Box<UpstreamConnection>,
    /// How many sweeps have found it idle.
    sweeps: u32,
}

impl Pool {
    /// An empty one, with a task that closes what was idle for longer than
    /// `rest`, or a little more.
    pub(crate) fn start(rest: Duration) -> Arc<Self> {
        let pool = Arc::new(Self(Mutex::default()));
        tokio::spawn(sweep(Arc::downgrade(&pool), rest / SWEEPS));
        pool
    }

    /// The connection to `origin` that was used last.
    pub(crate) fn take(&self, origin: &Arc<Uri>) -> Option<Box<UpstreamConnection>> {
        let mut idle = self.lock();
        let is_there = |idle: &Idle| Arc::ptr_eq(&idle.origin, origin) || idle.origin == *origin;
        let at = idle.iter().rposition(is_there)?;
        Some(idle.remove(at).connection)
    }

    fn put(&self, origin: Arc<Uri>, connection: Box<UpstreamConnection>) {
        let mut idle = self.lock();
        // The one that was used last is the one that is used next.
        let oldest = (idle.len() >= MOST_IDLE).then(|| idle.remove(0));
        idle.push(Idle { origin, connection, sweeps: 0 });
        drop(idle);
        // It is closed when nobody waits for the lock.
        drop(oldest);
    }

    fn sweep(&self) {
        let mut nobody = Context::from_waker(Waker::noop());
        self.lock().retain_mut(|idle| {
            idle.sweeps += 1;
            idle.sweeps <= SWEEPS && idle.connection.drive(&mut nobody)
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match pool.upgrade() {
            // All of them in one turn, however many they are.
            Some(pool) => unconstrained(std::future::ready(()).map(|()| pool.sweep())).await,
            None => return,
        }
    }
}

/// The body of an answer. Read to its end it gives the connection back; dropped before that it
/// closes it.
pub(crate) struct UpstreamBody {
    body: Incoming,
    /// Until the end.
    connection: Option<Box<UpstreamConnection>>,
    pool: Arc<Pool>,
    origin: Arc<Uri>,
}

impl UpstreamBody {
    /// The `body` of an answer over `connection`, which goes back to `pool`.
    pub(crate) fn new(
        body: Incoming,
        connection: Box<UpstreamConnection>,
        pool: Arc<Pool>,
        origin: Arc<Uri>,
    ) -> Self {
        let mut answered = Self { body, connection: Some(connection), pool, origin };
        if answered.body.is_end_stream() {
            answered.give_back();
        }
        answered
    }

    /// What there is of the body. To take it wakes the connection's driver, which is polled for the
    /// next piece anyway: to wake this task for that would be to do everything twice.
    fn poll_body(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(connection) = &self.connection {
            connection.task.mute();
        }
        Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    fn give_back(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.is_at_rest()
        {
            self.pool.put(self.origin.clone(), connection);
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // Whoever had the last event does not read on: the end may be there already.
        if self.connection.is_some() {
            let mut nobody = Context::from_waker(Waker::noop());
            let _ = Pin::new(self).poll_frame(&mut nobody);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // It is asked first: only what was asked for is read.
        let mut frame = self.poll_body();
        if frame.is_pending() {
            let stands =
                self.connection.as_mut().is_some_and(|connection| connection.drive(context));
            frame = self.poll_body();
            if frame.is_pending() && !stands {
                return Poll::Ready(Some(Err(Broken("the connection is gone".to_owned()))));
            }
        }
        if let (Poll::Pending, Some(connection)) = (&frame, &self.connection) {
            connection.task.unmute();
        }
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.give_back();
        }
        frame.map_err(|error| Broken(error.to_string()))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body was cut.
#[derive(Debug)]
pub(crate) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}
