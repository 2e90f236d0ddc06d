//! One piece of work for each connection at a time, whose outcome is shared by all who wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tollgate_kernel::{ConnectionId, Error};

/// What is under way.
pub(super) struct Flights<T> {
    book: Mutex<Book<T>>,
}

type Book<T> = HashMap<ConnectionId, watch::Receiver<Option<Outcome<T>>>>;

/// What came of it, for each who waits.
type Outcome<T> = Result<T, Arc<Error>>;

/// Somebody's wait for an outcome.
pub(super) struct Wait<T>(watch::Receiver<Option<Outcome<T>>>);

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { book: Mutex::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Waits for what is under way for `id`, else begins `work`. It goes on when those who wait
    /// leave.
    pub(super) fn join(
        self: &Arc<Self>,
        id: ConnectionId,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Wait<T> {
        let mut book = self.book();
        // One whose work has panicked has nobody who sends.
        let under_way = book.get(&id).filter(|flight| flight.has_changed().is_ok());
        if let Some(flight) = under_way {
            return Wait(flight.clone());
        }
        let (tell, flight) = watch::channel(None);
        book.insert(id, flight.clone());
        drop(book);
        let flights = self.clone();
        tokio::spawn(async move {
            let outcome = work.await.map_err(Arc::new);
            let mut book = flights.book();
            book.remove(&id);
            tell.send_replace(Some(outcome));
        });
        Wait(flight)
    }

    fn book(&self) -> MutexGuard<'_, Book<T>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Wait<T> {
    /// The outcome; `None` where there is none after `patience`.
    pub(super) async fn outcome(mut self, patience: Duration) -> Option<Result<T, Error>> {
        let told = tokio::time::timeout(patience, self.0.wait_for(Option::is_some)).await.ok()?;
        let lost = || Error::internal("what was under way for a connection was lost");
        let Ok(outcome) = told else { return Some(Err(lost())) };
        outcome.as_ref().map(|outcome| match outcome {
            Ok(outcome) => Ok(outcome.clone()),
            Err(error) => Err(again(error)),
        })
    }
}

/// The same error for somebody else who waited.
fn again(error: &Error) -> Error {
    let same = Error::new(error.kind(), error.detail().to_owned());
    match error.cause() {
        Some(cause) => same.with_source(cause),
        None => same,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tollgate_kernel::{Kind, ManualClock, SeededRng, Timestamp};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn id() -> ConnectionId {
        ConnectionId::new(&ManualClock::at(Timestamp::from_secs(1)), &SeededRng::new(1))
    }

    /// V25: whoever waits for one try hears of that try; who comes later begins another.
    #[tokio::test]
    async fn v25_a_failure_is_shared_by_all_who_wait_for_it() {
        let flights = Arc::<Flights<usize>>::default();
        let (tries, go) = (Arc::<AtomicUsize>::default(), watch::Sender::new(false));
        let work = || {
            let (tries, mut go) = (tries.clone(), go.subscribe());
            async move {
                let before = tries.fetch_add(1, Ordering::SeqCst);
                go.wait_for(|go| *go).await.unwrap();
                let failed = Error::new(Kind::UpstreamFailed, "It is away.").with_source("cut");
                if before == 0 { Err(failed) } else { Ok(before) }
            }
        };
        let waits: Vec<_> = (0..50).map(|_| flights.join(id(), work())).collect();
        go.send_replace(true);
        for wait in waits {
            let error = wait.outcome(LONG).await.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.detail()), (Kind::UpstreamFailed, "It is away."));
            assert_eq!(error.cause().as_deref(), Some("cut"));
        }
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        assert_eq!(flights.join(id(), work()).outcome(LONG).await.unwrap().unwrap(), 1);
        assert!(flights.book().is_empty(), "nothing is kept of what is over");
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_they_are_patient_and_the_work_goes_on() {
        let flights = Arc::<Flights<usize>>::default();
        let go = watch::Sender::new(false);
        let mut going = go.subscribe();
        let work = async move {
            going.wait_for(|go| *go).await.unwrap();
            Ok(7)
        };
        let waits = [flights.join(id(), work), flights.join(id(), async { Ok(8) })];
        let [short, long] = waits;
        assert!(short.outcome(Duration::from_millis(1)).await.is_none());
        go.send_replace(true);
        assert_eq!(long.outcome(LONG).await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_blocks_nobody() {
        let flights = Arc::<Flights<usize>>::default();
        let panics = || -> Result<usize, Error> { std::panic::resume_unwind(Box::new("oh")) };
        let lost = flights.join(id(), async move { panics() });
        assert_eq!(lost.outcome(LONG).await.unwrap().unwrap_err().kind(), Kind::Internal);
        assert_eq!(flights.join(id(), async { Ok(1) }).outcome(LONG).await.unwrap().unwrap(), 1);
    }
}
