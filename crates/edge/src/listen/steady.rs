//! A connection that wakes itself goes on at once.
//!
//! hyper wakes the task that it runs in when a handler asks for a body: handler and connection are
//! one task here. A runtime takes a task that was woken while it ran for one that yields: it goes
//! to the end of the queue, and an idle thread is woken to look for it, which costs more than the
//! request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often in turn it goes on at once; then it yields, as others want to run too.
const MOST_TURNS: usize = 4;

/// A future that is polled again at once where it was woken while it ran.
pub(super) struct Steady<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// What wakes it.
#[derive(Default)]
struct Bell {
    /// It is being polled.
    runs: AtomicBool,
    /// It was woken since it was polled last.
    rang: AtomicBool,
    /// The task.
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        // While it runs it looks for itself, after that.
        if !self.runs.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl<F: Future> Steady<F> {
    pub(super) fn new(future: F) -> Self {
        let bell = Arc::<Bell>::default();
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// The future itself.
    pub(super) fn inner(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }
}

impl<F: Future> Future for Steady<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.bell.task.register(context.waker());
        for _ in 0..MOST_TURNS {
            this.bell.runs.store(true, Ordering::SeqCst);
            this.bell.rang.store(false, Ordering::SeqCst);
            let polled = this.future.as_mut().poll(&mut Context::from_waker(&this.waker));
            this.bell.runs.store(false, Ordering::SeqCst);
            if polled.is_ready() || !this.bell.rang.load(Ordering::SeqCst) {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often its task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count() -> (Arc<Count>, Waker) {
        let count = Arc::<Count>::default();
        (Arc::clone(&count), Waker::from(count))
    }

    /// A future that wakes itself `times` times.
    fn restless(times: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |context| {
            polls += 1;
            if polls > times {
                return Poll::Ready(polls);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn what_wakes_itself_goes_on_without_its_task() {
        let (woken, waker) = count();
        let mut steady = Steady::new(restless(MOST_TURNS - 1));
        let polled = Pin::new(&mut steady).poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Ready(MOST_TURNS));
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn what_never_rests_yields_to_others() {
        let (woken, waker) = count();
        let mut steady = Steady::new(restless(usize::MAX));
        assert!(Pin::new(&mut steady).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_is_woken_from_outside_wakes_its_task() {
        let (woken, waker) = count();
        let kept = Arc::new(std::sync::Mutex::new(None::<Waker>));
        let keeps = Arc::clone(&kept);
        let mut steady = Steady::new(poll_fn(move |context| {
            *keeps.lock().expect("a lock") = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        assert!(Pin::new(&mut steady).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        kept.lock().expect("a lock").take().expect("a waker").wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
}
