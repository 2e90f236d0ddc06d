//! How long nothing has been heard of an upstream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A timer that each piece of an answer sets back.
pub(crate) struct Silence {
    patience: Duration,
    heard: Instant,
    /// Made when the upstream lets us wait for the first time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// Something was heard just now.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, heard: Instant::now(), timer: None }
    }

    /// Something was heard again.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Ready when nothing was heard for too long. The timer is moved only when it fires.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let first = self.heard + self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(first)));
        loop {
            ready!(timer.as_mut().poll(context));
            let due = self.heard + self.patience;
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}
