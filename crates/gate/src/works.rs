//! What runs beside the calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use tollgate_kernel::{Error, Kind, Slug};
use tollgate_protocol::openai::{ModelCard, parse_models};
use tracing::{info, warn};

use crate::Gate;
use crate::catalogue::Listed;
use crate::drain::Drainer;
use crate::ledger::LedgerThread;
use crate::load;
use crate::principal::Warrant;
use crate::upstream::MODELS;

/// How often the store is asked for events.
const POLL: Duration = Duration::from_millis(200);

/// How often what has expired is removed.
const SWEEP: Duration = Duration::from_secs(600);

/// How often the upstreams are asked for their models.
const REFRESH: Duration = Duration::from_secs(300);

/// The longest list of models that is read.
const LIST: usize = 4 * 1024 * 1024;

/// How long an upstream has for its list.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking an upstream for its models with our key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTest {
    /// It takes our key and lists so many models.
    Works {
        /// How many.
        models: usize,
    },
    /// It answers, and refuses our key.
    KeyRefused,
    /// Nobody answers there, or not in time.
    Unreachable,
    /// Somebody answers something else than a list of models.
    Unexpected {
        /// The answer's status.
        status: u16,
    },
}

/// What runs beside the calls: the drainer, the reader of events, the refresher of lists.
pub struct Works {
    pub(crate) gate: Arc<Gate>,
    pub(crate) drainer: Drainer,
    pub(crate) thread: LedgerThread,
    pub(crate) seen: i64,
}

impl Works {
    /// Runs until `stop` says so, then finishes what is under way: answers that are still read, and
    /// everything that is to be written.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { gate, drainer, mut thread, mut seen } = self;
        let drainer = tokio::spawn(drainer.run());
        let beside = async {
            tokio::join!(
                poll_events(&gate, &mut seen),
                refresh_lists(&gate),
                tidy_up(&gate),
                sweep(&gate),
                catch_up(&gate)
            );
        };
        tokio::select! {
            () = stop => {}
            () = beside => {}
        }
        write_touches(&gate).await;
        drop(gate);
        drainer.abort();
        // What the drainer still held is dropped by the abort, and charged in full.
        drop(drainer.await);
        if tokio::task::spawn_blocking(move || thread.stop()).await.is_err() {
            warn!("the ledger did not stop in good order");
        }
    }
}

async fn poll_events(gate: &Arc<Gate>, seen: &mut i64) {
    loop {
        // A hint may come earlier; the poll decides.
        drop(tokio::time::timeout(POLL, gate.hint.notified()).await);
        if let Err(error) = heed_new(gate, seen).await {
            warn!(cause = error.cause(), "events cannot be read: {error}");
        }
    }
}

async fn heed_new(gate: &Arc<Gate>, seen: &mut i64) -> Result<(), Error> {
    let reader = &gate.authn.reader;
    let mut policy_changed = false;
    loop {
        let events = reader.events_after(*seen).await?;
        let Some(last) = events.last() else { break };
        let newest = last.seq;
        for event in &events {
            policy_changed |= gate.lives.heed(event, reader).await?;
        }
        *seen = newest;
    }
    if policy_changed {
        gate.reload().await?;
    }
    Ok(())
}

async fn refresh_lists(gate: &Arc<Gate>) {
    loop {
        gate.refresh_lists().await;
        tokio::time::sleep(REFRESH).await;
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
    /// One after the other: else one that began to read before a change could be stored after one
    /// that has it, under the same version, and what was derived from it would stay.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let _turn = self.reloading.lock().await;
        let reader = &self.authn.reader;
        let policy = load::policy(reader, &self.opener, &self.policy.load()).await?;
        self.tokens.load(&reader.signing_keys().await?, &self.opener)?;
        self.policy.store(Arc::new(policy));
        Ok(())
    }

    /// Asks every upstream for its models. One that does not answer keeps the list it had.
    pub async fn refresh_lists(&self) {
        for id in self.policy.load_full().upstream_order.clone() {
            match self.fetch_list(&id).await {
                Ok(models) => self.catalogue.put(&id, models),
                Err(error) => {
                    info!(upstream = %id, cause = error.cause(), "no list of models: {error}");
                }
            }
        }
    }

    /// Asks an upstream for its models with our key, and says what came of it. A list that came is
    /// kept. Who holds a warrant may know what upstreams there are; one there is not is not found.
    pub async fn test_upstream(&self, _: &Warrant, id: &Slug) -> Result<UpstreamTest, Error> {
        let (status, body) = match self.ask_for_list(id).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == Kind::NotFound => return Err(error),
            Err(error) => {
                info!(upstream = %id, cause = error.cause(), "the test found nobody: {error}");
                return Ok(UpstreamTest::Unreachable);
            }
        };
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(UpstreamTest::KeyRefused);
        }
        match parse_models(&body) {
            Ok(cards) if status.is_success() => {
                let models = cards.len();
                self.catalogue.put(id, listed(cards));
                Ok(UpstreamTest::Works { models })
            }
            _ => Ok(UpstreamTest::Unexpected { status: status.as_u16() }),
        }
    }

    async fn fetch_list(&self, id: &Slug) -> Result<Vec<Listed>, Error> {
        let (status, body) = self.ask_for_list(id).await?;
        if !status.is_success() {
            return Err(Error::unavailable("the list was refused"));
        }
        Ok(listed(parse_models(&body)?))
    }

    async fn ask_for_list(&self, id: &Slug) -> Result<(StatusCode, Bytes), Error> {
        let upstream = self.policy.load().upstreams.get(id).cloned();
        let upstream = upstream.ok_or_else(Error::not_found)?;
        let request = upstream.request(Method::GET, MODELS, &HeaderMap::new(), Bytes::new())?;
        let answer = async {
            let answer = self.transport.send(request).await;
            let answer = answer.map_err(|error| error.into_error(id))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LIST).collect().await;
            Ok((status, body.map_err(Error::unavailable)?.to_bytes()))
        };
        tokio::time::timeout(PATIENCE, answer).await.map_err(Error::unavailable)?
    }
}

fn listed(cards: Vec<ModelCard>) -> Vec<Listed> {
    let listed =
        |card: ModelCard| Listed { id: card.id, created: card.created_s, owned_by: card.owned_by };
    cards.into_iter().map(listed).collect()
}
