//! What ends an answer before its time: the end of the credential that it was asked with, or of the
//! tool that it comes from.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tollgate_kernel::{Error, Kind};

use crate::Live;
use crate::permit::{Decided, What};

/// The lives that an answer rests on.
pub(crate) struct Ends {
    credential: End,
    behind: Option<End>,
}

/// One of them.
struct End {
    live: Arc<Live>,
    /// Registered with it, once something waits.
    woken: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Ends {
    /// The life of a credential alone.
    pub(crate) fn of_credential(live: Arc<Live>) -> Self {
        Self { credential: End::of(live), behind: None }
    }

    /// Those of an answer to what was `decided`.
    pub(crate) fn of(decided: &Decided) -> Self {
        let behind = match &decided.what {
            What::Model(_) => None,
            What::Plain(plain) => Some(plain.to.live().clone()),
        };
        let credential = End::of(decided.principal.live().clone());
        Self { credential, behind: behind.map(End::of) }
    }

    /// Why the answer is over, if it is. Whoever is ahead of their reader never waits, so each
    /// piece looks; who `waits` is woken too.
    pub(crate) fn poll(&mut self, waits: bool, context: &mut Context<'_>) -> Option<Error> {
        if self.credential.has_come(waits, context) {
            let words = "The credential of this call was revoked, so the stream has ended.";
            return Some(Error::new(Kind::Unauthenticated, words));
        }
        let behind = self.behind.as_mut()?;
        behind.has_come(waits, context).then(gone)
    }

    /// Returns when the answer is over, and why.
    pub(crate) async fn come(&mut self) -> Error {
        poll_fn(|context| match self.poll(true, context) {
            Some(error) => Poll::Ready(error),
            None => Poll::Pending,
        })
        .await
    }
}

impl End {
    fn of(live: Arc<Live>) -> Self {
        Self { live, woken: None }
    }

    fn has_come(&mut self, waits: bool, context: &mut Context<'_>) -> bool {
        if self.live.has_ended() {
            return true;
        }
        if !waits {
            return false;
        }
        let live = &self.live;
        let woken = self.woken.get_or_insert_with(|| {
            let live = live.clone();
            Box::pin(async move { live.ended().await })
        });
        woken.as_mut().poll(context).is_ready()
    }
}

/// What was asked is not there any more, or not as it was.
pub(crate) fn gone() -> Error {
    let words = "What was called was changed or taken away meanwhile, so its answer has ended.";
    Error::new(Kind::NotFound, words)
}
