//! Whether a call's open record is durable: set once by the writer, waited for by the call.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

const PENDING: u8 = 0;
const DURABLE: u8 = 1;
const DOWN: u8 = 2;

/// One call's open record on its way to the disk. One task waits for it at most.
pub(super) struct Ticket {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Ticket {
    pub(super) fn new() -> Self {
        Self { state: AtomicU8::new(PENDING), waker: AtomicWaker::new() }
    }

    /// The record is on the disk.
    pub(super) fn durable(&self) {
        self.state.store(DURABLE, Ordering::Release);
        self.waker.wake();
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
        self.waker.register(context.waker());
        match self.state.load(Ordering::Acquire) {
            PENDING => Poll::Pending,
            state => Poll::Ready(state == DURABLE),
        }
    }
}
