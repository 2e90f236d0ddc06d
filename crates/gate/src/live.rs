//! Whether a credential still counts. One `Live` is shared by the cached principal and by every
//! running call of a credential, so that revocation reaches all of them at once.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

const FRESH: u8 = 0;
const STALE: u8 = 1;
const ENDED: u8 = 2;

/// The life of one credential.
#[derive(Debug)]
pub struct Live {
    state: AtomicU8,
    ended: Notify,
}

impl Live {
    /// A credential that counts.
    pub(crate) fn new() -> Self {
        Self { state: AtomicU8::new(FRESH), ended: Notify::new() }
    }

    /// What it stands for has changed (a plan, a role): look it up again at the next call. Running
    /// calls go on.
    pub(crate) fn outdate(&self) {
        let _ = self.state.compare_exchange(FRESH, STALE, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// It counts no longer. Running calls are woken and stop.
    pub(crate) fn end(&self) {
        self.state.store(ENDED, Ordering::SeqCst);
        self.ended.notify_waiters();
    }

    /// Whether what was cached for it may be used as it is.
    pub(crate) fn is_fresh(&self) -> bool {
        self.state.load(Ordering::SeqCst) == FRESH
    }

    /// Whether it counts no longer.
    pub fn has_ended(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ENDED
    }

    /// Returns when it counts no longer.
    pub async fn ended(&self) {
        loop {
            let woken = self.ended.notified();
            tokio::pin!(woken);
            // Registered before the look, so that an end in between is not missed.
            woken.as_mut().enable();
            if self.has_ended() {
                return;
            }
            woken.await;
        }
    }
}
