//! Keeping the upstreams' lists of models fresh: asked for at once where an upstream is new or
//! changed, again soon where it did not answer, and now and then where it did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::task::JoinSet;
use tollgate_kernel::{Error, Slug};
use tollgate_protocol::openai::{ModelCard, parse_models};
use tracing::info;

use crate::Gate;
use crate::catalogue::Listed;
use crate::policy::Policy;
use crate::principal::Warrant;
use crate::upstream::{MODELS, Upstream};

/// How often an upstream that answers is asked, and the longest pause after one that does not.
const REFRESH: Duration = Duration::from_secs(300);

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long an upstream has to give its list.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest list of models that is read.
const LIST: usize = 4 * 1024 * 1024;

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

/// Asks whoever is due, for ever. One that is slow keeps no other waiting.
pub(crate) async fn refresh(gate: &Arc<Gate>) {
    let mut asks = Asks::default();
    let mut running = JoinSet::new();
    loop {
        for upstream in asks.due(&gate.policy.load(), gate.clock.elapsed()) {
            let gate = gate.clone();
            running.spawn(async move {
                let is_good = gate.refresh_list(&upstream).await;
                (upstream, is_good)
            });
        }
        let now = gate.clock.elapsed();
        let pause = asks.next().map_or(REFRESH, |next| next.saturating_sub(now));
        tokio::select! {
            Some(Ok((upstream, is_good))) = running.join_next() => {
                asks.answered(&upstream, is_good, gate.clock.elapsed());
            }
            () = gate.lists_wanted.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Gate {
    /// Asks every upstream for its models. One that does not answer keeps the list it had.
    pub async fn refresh_lists(&self) {
        let policy = self.policy.load_full();
        let upstreams = policy.upstream_order.iter().filter_map(|id| policy.upstreams.get(id));
        for upstream in upstreams {
            self.refresh_list(upstream).await;
        }
    }

    async fn refresh_list(&self, upstream: &Upstream) -> bool {
        match self.fetch_list(upstream).await {
            Ok(models) => {
                self.catalogue.put(upstream, models);
                // It may be gone or elsewhere by now.
                self.catalogue.keep_those_of(&self.policy.load());
                true
            }
            Err(error) => {
                let id = upstream.id();
                info!(upstream = %id, cause = error.cause(), "no list of models: {error}");
                false
            }
        }
    }

    /// Asks an upstream for its models with our key, and says what came of it. A list that came is
    /// kept. Who holds a warrant may know what upstreams there are; one there is not is not found.
    pub async fn test_upstream(&self, _: &Warrant, id: &Slug) -> Result<UpstreamTest, Error> {
        let upstream = self.policy.load().upstreams.get(id).cloned();
        let upstream = upstream.ok_or_else(Error::not_found)?;
        let (status, body) = match self.ask_for_list(&upstream).await {
            Ok(answer) => answer,
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
                self.catalogue.put(&upstream, listed(cards));
                Ok(UpstreamTest::Works { models })
            }
            _ => Ok(UpstreamTest::Unexpected { status: status.as_u16() }),
        }
    }

    async fn fetch_list(&self, upstream: &Upstream) -> Result<Vec<Listed>, Error> {
        let (status, body) = self.ask_for_list(upstream).await?;
        if !status.is_success() {
            return Err(Error::unavailable("the list was refused"));
        }
        Ok(listed(parse_models(&body)?))
    }

    async fn ask_for_list(&self, upstream: &Upstream) -> Result<(StatusCode, Bytes), Error> {
        let request = upstream.request(Method::GET, MODELS, &HeaderMap::new(), Bytes::new())?;
        let answer = async {
            let answer = self.transport.send(request).await;
            let answer = answer.map_err(|error| error.into_error(upstream.id()))?;
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

/// Who was asked, and when they are to be asked again.
#[derive(Default)]
struct Asks(HashMap<Slug, Ask>);

struct Ask {
    upstream: Arc<Upstream>,
    /// When to ask again, on the clock that never goes back; `None` while it is asked.
    due: Option<Duration>,
    failures: u32,
}

impl Asks {
    /// Who is to be asked now; they count as asked. Who is gone is forgotten.
    fn due(&mut self, policy: &Policy, now: Duration) -> Vec<Arc<Upstream>> {
        self.0.retain(|id, ask| policy.upstreams.get(id).is_some_and(|u| u.is_as(&ask.upstream)));
        let mut due = Vec::new();
        for (id, upstream) in &policy.upstreams {
            match self.0.get_mut(id) {
                Some(ask) if ask.due.is_none_or(|at| at > now) => continue,
                Some(ask) => ask.due = None,
                None => {
                    let ask = Ask { upstream: upstream.clone(), due: None, failures: 0 };
                    self.0.insert(id.clone(), ask);
                }
            }
            due.push(upstream.clone());
        }
        due
    }

    /// When the next one is due.
    fn next(&self) -> Option<Duration> {
        self.0.values().filter_map(|ask| ask.due).min()
    }

    /// An answer, or none, of one that was asked. Of one that has changed since then it says
    /// nothing.
    fn answered(&mut self, upstream: &Upstream, is_good: bool, now: Duration) {
        let ask = self.0.get_mut(upstream.id());
        let Some(ask) = ask.filter(|ask| ask.upstream.is_as(upstream)) else { return };
        let pause = if is_good {
            ask.failures = 0;
            REFRESH
        } else {
            let pause = FIRST_PAUSE.saturating_mul(1 << ask.failures.min(16));
            ask.failures = ask.failures.saturating_add(1);
            pause.min(REFRESH)
        };
        ask.due = Some(now + pause);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::upstream::Patience;

    fn policy(upstreams: &[(&str, i64, &str)]) -> Policy {
        let mut policy = Policy::empty();
        for (id, version, url) in upstreams {
            let id = Slug::parse(id).unwrap();
            let patience = Patience::default();
            let made = Upstream::new(id.clone(), url, "authorization", None, patience).unwrap();
            policy.upstreams.insert(id, Arc::new(made.of_version(*version, None)));
        }
        policy
    }

    fn names(mut due: Vec<Arc<Upstream>>) -> Vec<String> {
        due.sort_by(|a, b| a.id().cmp(b.id()));
        due.iter().map(|upstream| upstream.id().to_string()).collect()
    }

    #[test]
    fn who_does_not_answer_is_asked_again_ever_later() {
        let (mut asks, mut now) = (Asks::default(), Duration::from_secs(7));
        let policy = policy(&[("a", 1, "http://a/v1")]);
        let a = policy.upstreams.values().next().unwrap();
        for pause_s in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(names(asks.due(&policy, now)), ["a"], "before {pause_s} s");
            assert!(asks.due(&policy, now).is_empty(), "it is being asked");
            asks.answered(a, false, now);
            assert_eq!(asks.next(), Some(now + Duration::from_secs(pause_s)));
            assert!(asks.due(&policy, now).is_empty());
            now += Duration::from_secs(pause_s);
        }
        assert_eq!(names(asks.due(&policy, now)), ["a"]);
        asks.answered(a, true, now);
        assert_eq!(asks.next(), Some(now + Duration::from_secs(300)));
    }

    #[test]
    fn who_is_new_or_changed_is_asked_at_once() {
        let (mut asks, now) = (Asks::default(), Duration::from_secs(7));
        let first = policy(&[("a", 1, "http://a/v1"), ("b", 1, "http://b/v1")]);
        assert_eq!(names(asks.due(&first, now)), ["a", "b"]);
        for upstream in first.upstreams.values() {
            asks.answered(upstream, true, now);
        }
        let b = ("b", 1, "http://b/v1");
        assert!(asks.due(&policy(&[("a", 1, "http://a/v1"), b]), now).is_empty());
        assert_eq!(names(asks.due(&policy(&[("a", 2, "http://a/v1"), b]), now)), ["a"]);
        let moved = policy(&[("a", 2, "http://c/v1"), b, ("d", 1, "http://d/v1")]);
        assert_eq!(names(asks.due(&moved, now)), ["a", "d"], "though a is being asked");
        let old = &first.upstreams[&Slug::parse("a").unwrap()];
        asks.answered(old, false, now);
        assert_eq!(asks.next(), Some(now + REFRESH), "only b is done");
        assert!(asks.due(&policy(&[]), now).is_empty());
        assert_eq!(names(asks.due(&first, now)), ["a", "b"], "who was gone is new");
    }
}
