//! The threads that answer: one for each core, each with a runtime of its own. A connection stays
//! on its thread, and so does all that a call of it needs: no other thread is woken for it, and
//! what it touches stays in the caches of one core (decision 0014).

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads that answer. They end when it is dropped, and with them what still runs there.
pub struct Workers(Vec<Worker>);

struct Worker {
    runtime: Handle,
    /// As many as connections are on it, and one.
    connections: Arc<()>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Held by a connection while it is on its worker.
pub(super) struct Seat {
    runtime: Handle,
    _connection: Arc<()>,
}

impl Workers {
    /// A thread for each core that this process may use.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        (0..cores).map(Worker::start).collect::<io::Result<_>>().map(Self)
    }

    /// A seat where the fewest connections are; none when there is no worker.
    pub(super) fn seat(&self) -> Option<Seat> {
        let worker = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.connections))?;
        Some(Seat { runtime: worker.runtime.clone(), _connection: Arc::clone(&worker.connections) })
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (made, started) = mpsc::channel();
        // The runtime is made and dropped where it runs: it cannot be dropped on another's thread.
        let work = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let _ = made.send(Ok(runtime.handle().clone()));
                // The sender's end stops it as well.
                let _ = runtime.block_on(stopped);
            }
            Err(error) => drop(made.send(Err(error))),
        };
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(work)?;
        let runtime = started.recv().map_err(io::Error::other)??;
        let connections = Arc::new(());
        Ok(Self { runtime, connections, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a worker's thread panicked");
        }
    }
}

impl Seat {
    /// Runs `connection` there.
    pub(super) fn spawn(self, connection: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            let _seat = self;
            connection.await;
        });
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_where_the_fewest_are_and_stays_on_that_thread() {
        let workers = Workers((0..3).map(|n| Worker::start(n).expect("a thread")).collect());
        let seats: Vec<_> = (0..7).map(|_| workers.seat().expect("a seat")).collect();
        let here = |worker: &Worker| Arc::strong_count(&worker.connections) - 1;
        assert_eq!(workers.0.iter().map(here).collect::<Vec<_>>(), [3, 2, 2]);
        drop(seats);
        let (seen, names) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let (seen, seat) = (seen.clone(), workers.seat().expect("a seat"));
            seat.spawn(async move {
                for _ in 0..10 {
                    let name = thread::current().name().map(str::to_owned);
                    seen.send(name.expect("a name")).expect("somebody listens");
                    tokio::task::yield_now().await;
                }
                // It keeps its seat until the others have theirs.
                std::future::pending::<()>().await;
            });
        }
        let mut names: Vec<_> = names.iter().take(30).collect();
        names.sort();
        names.chunks(10).for_each(|one| assert!(one.iter().all(|name| *name == one[0])));
        names.dedup();
        assert_eq!(names, ["worker-0", "worker-1", "worker-2"]);
    }
}
