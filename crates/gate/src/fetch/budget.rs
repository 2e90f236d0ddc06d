//! How many documents may be on their way at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::Fault;

/// How many origins are remembered before those that are idle are forgotten.
const ORIGINS: usize = 64;

/// So many at once, and so many of them from one origin.
pub(crate) struct Budget {
    all: Arc<Semaphore>,
    each: usize,
    origins: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to be on the way.
pub(crate) struct Leave {
    _of_origin: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Budget {
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, origins: Mutex::default() }
    }

    /// Waits until one more may go to `origin`. Who waits for a busy origin is in no other's way.
    pub(crate) async fn leave(&self, origin: String) -> Result<Leave, Fault> {
        let gone = |_| Fault::Broken("the budget is closed".to_owned());
        let of_origin = self.origin(origin).acquire_owned().await.map_err(gone)?;
        let of_all = self.all.clone().acquire_owned().await.map_err(gone)?;
        Ok(Leave { _of_origin: of_origin, _of_all: of_all })
    }

    fn origin(&self, origin: String) -> Arc<Semaphore> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() >= ORIGINS {
            origins.retain(|_, semaphore| {
                Arc::strong_count(semaphore) > 1 || semaphore.available_permits() < self.each
            });
        }
        origins.entry(origin).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}
