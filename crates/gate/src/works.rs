//! What runs beside the calls.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_kernel::Error;
use tracing::warn;

use crate::Gate;
use crate::drain::Drainer;
use crate::ledger::LedgerThread;
use crate::{lists, load};

/// How often the store is asked for events.
const POLL: Duration = Duration::from_millis(200);

/// How often what has expired is removed.
const SWEEP: Duration = Duration::from_secs(600);

/// What runs beside the calls: the drainer, the reader of events, the refresher of lists.
pub struct Works {
    pub(crate) gate: Arc<Gate>,
    pub(crate) drainer: Drainer,
    pub(crate) thread: LedgerThread,
}

/// How far the store's events were heeded.
pub(crate) struct Heeded {
    /// The last one that was.
    pub(crate) seen: i64,
    /// Whether one of them changed the policy, which could not be read since.
    pub(crate) outdated: bool,
}

impl Works {
    /// Runs until `stop` says so, then finishes what is under way: answers that are still read,
    /// each within the drainer's bounds, and everything that is to be written. `now` ends the
    /// reading at once; what is not read to its end by then is charged in full.
    pub async fn run(self, stop: impl Future<Output = ()>, now: impl Future<Output = ()>) {
        let Self { gate, drainer, mut thread } = self;
        let (finish, finishing) = oneshot::channel::<()>();
        let mut drainer = tokio::spawn(drainer.run(async {
            drop(finishing.await);
        }));
        let beside = async {
            tokio::join!(
                poll_events(&gate),
                lists::refresh(&gate),
                tidy_up(&gate),
                sweep(&gate),
                catch_up(&gate)
            );
        };
        tokio::select! {
            () = stop => {}
            () = Box::pin(beside) => {}
        }
        write_touches(&gate).await;
        drop(gate);
        drop(finish);
        tokio::select! {
            _ = &mut drainer => {}
            () = now => {
                // What the drainer still held is dropped by the abort, and charged in full.
                drainer.abort();
                drop(drainer.await);
            }
        }
        if tokio::task::spawn_blocking(move || thread.stop()).await.is_err() {
            warn!("the ledger did not stop in good order");
        }
    }
}

/// What other nodes have committed, or what could not be heeded when it was.
async fn poll_events(gate: &Arc<Gate>) {
    loop {
        tokio::time::sleep(POLL).await;
        gate.heed().await;
    }
}

impl Heeded {
    /// Heeds the events that are new.
    pub(crate) async fn heed_new(&mut self, gate: &Gate) -> Result<(), Error> {
        let reader = &gate.authn.reader;
        loop {
            let events = reader.events_after(self.seen).await?;
            let Some(last) = events.last() else { break };
            let newest = last.seq;
            for event in &events {
                // First of all: whoever has read a connection before this reads it again, and finds
                // its life to be ended below.
                gate.connect.heed(event);
                self.outdated |= gate.lives.heed(event, reader).await?;
            }
            self.seen = newest;
        }
        if self.outdated {
            gate.reload().await?;
            self.outdated = false;
        }
        Ok(())
    }
}

async fn tidy_up(gate: &Arc<Gate>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        write_touches(gate).await;
        gate.passwords.rest();
    }
}

/// What was committed before the last stop and is to be done to the ledger.
async fn catch_up(gate: &Arc<Gate>) {
    while let Err(error) = gate.apply_releases().await {
        warn!(cause = error.cause(), "a crash reserve waits for its release: {error}");
        tokio::time::sleep(SWEEP).await;
    }
}

/// The first sweep is not at the start, which is to be quick.
async fn sweep(gate: &Arc<Gate>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        gate.authn.remembered.sweep();
        if let Err(error) = gate.sweep(gate.clock.now()).await {
            warn!(cause = error.cause(), "what has expired cannot be removed: {error}");
        }
    }
}

async fn write_touches(gate: &Arc<Gate>) {
    let waiting = gate.authn.touches.take();
    let keys: Vec<_> = waiting.keys.into_iter().map(|(id, (at, from))| (id, at, from)).collect();
    let sessions: Vec<_> = waiting.sessions.into_iter().collect();
    let written = async {
        if !keys.is_empty() {
            gate.writer.touch_keys(&keys).await?;
        }
        if !sessions.is_empty() {
            gate.writer.touch_sessions(&sessions).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = written.await {
        warn!(cause = error.cause(), "uses of credentials cannot be noted: {error}");
    }
}

impl Gate {
    /// Reads the policy and the signing keys anew.
    ///
    /// In the turn of the events alone: else one that began to read before a change could be stored
    /// after one that has it, under the same version, and what was derived from it would stay.
    async fn reload(&self) -> Result<(), Error> {
        let reader = &self.authn.reader;
        let before = self.policy.load_full();
        let policy =
            Arc::new(load::policy(reader, &self.opener, &self.tool_places, &before).await?);
        if self.tokens.load(&reader.signing_keys().await?, &self.opener)? {
            self.lives.outdate_all();
        }
        self.policy.store(policy.clone());
        policy.tools.end_others(&before.tools);
        if !policy.has_upstreams_of(&before) {
            self.catalogue.keep_those_of(&policy);
            self.lists_wanted.notify_one();
        }
        Ok(())
    }
}
