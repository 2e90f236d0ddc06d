//! Whether a credential still counts. One `Live` is shared by the cached principal and by every
//! running call of a credential, so that revocation reaches all of them at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// The life of one credential.
#[derive(Debug, Default)]
pub struct Live {
    ended: AtomicBool,
    /// Rises when what the credential stands for has changed.
    generation: AtomicU64,
    woken: Notify,
}

impl Live {
    /// What it stands for has changed (a plan, a role): look it up again at the next call. Running
    /// calls go on.
    pub(crate) fn outdate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// It counts no longer. Running calls are woken and stop.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.outdate();
        self.woken.notify_waiters();
    }

    /// Which state of its records is the newest.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Whether it counts no longer.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Returns when it counts no longer.
    pub async fn ended(&self) {
        loop {
            let woken = self.woken.notified();
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
