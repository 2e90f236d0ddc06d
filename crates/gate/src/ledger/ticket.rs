//! Whether a call's open record is durable: set once by the writer, waited for by the call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;
use tokio::runtime::Handle;

const PENDING: u8 = 0;
const DURABLE: u8 = 1;
const DOWN: u8 = 2;

/// One call's open record on its way to the disk. One task waits for it at most.
pub(super) struct Ticket {
    state: AtomicU8,
    waker: AtomicWaker,
    /// Where somebody waits.
    runtime: OnceLock<Handle>,
}

impl Ticket {
    pub(super) fn new() -> Self {
        Self::of(PENDING)
    }

    /// The ticket of a record that is on the disk already.
    pub(super) fn of_durable() -> Self {
        Self::of(DURABLE)
    }

    fn of(state: u8) -> Self {
        let (waker, runtime) = (AtomicWaker::new(), OnceLock::new());
        Self { state: AtomicU8::new(state), waker, runtime }
    }

    /// The record is on the disk. Whoever waits for that is to be woken.
    pub(super) fn durable(&self, wakes: &mut Wakes) {
        self.state.store(DURABLE, Ordering::Release);
        if let Some(waker) = self.waker.take() {
            wakes.add(self.runtime.get(), waker);
        }
    }

    /// The store is away. The record stays in the queue; whoever waits is told.
    pub(super) fn down(&self) {
        let _ = self.state.compare_exchange(PENDING, DOWN, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    pub(super) fn is_durable(&self) -> bool {
        self.state.load(Ordering::Acquire) == DURABLE
    }

    /// Ready with `true` when the record is durable, with `false` when the store is away.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<bool> {
        if self.runtime.get().is_none()
            && let Ok(here) = Handle::try_current()
        {
            let _ = self.runtime.set(here);
        }
        self.waker.register(context.waker());
        match self.state.load(Ordering::Acquire) {
            PENDING => Poll::Pending,
            state => Poll::Ready(state == DURABLE),
        }
    }
}

/// Who is to be woken after a commit. A runtime is woken once, by a task that wakes the others on
/// the spot: to wake them from here would be a system call for each.
#[derive(Default)]
pub(super) struct Wakes(Vec<(Handle, Vec<Waker>)>);

impl Wakes {
    fn add(&mut self, runtime: Option<&Handle>, waker: Waker) {
        let Some(runtime) = runtime else {
            return waker.wake();
        };
        match self.0.iter_mut().find(|(there, _)| there.id() == runtime.id()) {
            Some((_, wakers)) => wakers.push(waker),
            None => self.0.push((runtime.clone(), vec![waker])),
        }
    }

    /// Wakes them.
    pub(super) fn wake(self) {
        for (runtime, wakers) in self.0 {
            // What a runtime that has ended does not run has nobody to wake.
            runtime.spawn(async move { wakers.into_iter().for_each(Waker::wake) });
        }
    }
}
