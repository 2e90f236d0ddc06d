//! The one guarded fetcher: documents that others publish, asked for without a secret.
//!
//! What is asked for is asked for once, however many want it, and what came of it (nothing too) is
//! kept for a while. Neither the document nor the words of an error are shown to whoever made the
//! server ask; they learn that it did not come.

mod budget;
mod client;
mod fault;
mod guard;
mod network;
mod url;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tollgate_kernel::{Clock, Error, Kind};

pub(crate) use self::budget::Budget;
pub(crate) use self::client::{Answer, Ask, Bounds, Client};
pub(crate) use self::fault::Fault;
pub(crate) use self::guard::Guard;
pub use self::guard::Outbound;
pub(crate) use self::network::System;
pub use self::url::DocumentUrl;
use crate::Gate;

/// How many documents that anybody named are fetched at once.
const AT_ONCE: usize = 16;

/// How many documents are fetched at once from one origin.
const AT_ONCE_EACH: usize = 4;

/// How many documents that the owner's settings name are fetched at once: nobody else keeps them
/// waiting.
const OWNERS_AT_ONCE: usize = 16;

/// The largest metadata that is read, in bytes.
const METADATA_BYTES: usize = 64 * 1024;

/// How long metadata may take in all.
const METADATA_TIME: Duration = Duration::from_secs(5);

/// How many documents are kept.
const KEPT: usize = 128;

/// The largest document that is kept, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// How long a document is kept that does not say how long.
const KEPT_USUALLY: Duration = Duration::from_secs(600);

/// The longest that a document is kept, whatever it says.
const KEPT_MOST: Duration = Duration::from_secs(3_600);

/// How long it is remembered that a document did not come.
const KEPT_FAILURE: Duration = Duration::from_secs(10);

/// The most redirects that are followed to a document that may have any.
const HOPS: usize = 3;

/// On which terms a document is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchTerms {
    /// The most bytes that are read.
    pub body_bytes: usize,
    /// How long it may take in all.
    pub patience: Duration,
    /// Whether it may lead on.
    pub redirects: Redirects,
    /// Whether it has to say that it is JSON.
    pub form: DocumentForm,
}

impl FetchTerms {
    /// Metadata: 64 KiB of JSON within 5 seconds, from where it was asked for.
    pub const METADATA: Self = Self {
        body_bytes: METADATA_BYTES,
        patience: METADATA_TIME,
        redirects: Redirects::None,
        form: DocumentForm::Json,
    };
}

/// Whether a document may lead on to another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redirects {
    /// No.
    None,
    /// At most three times. Each hop is checked as the first address is, as one that nobody but the
    /// answer has named; whether its host is the right one is the caller's to judge.
    UpToThree,
}

/// What a document says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentForm {
    /// JSON, or a format made of it.
    Json,
    /// Anything.
    Any,
}

/// A document that came.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it came from in the end.
    pub url: DocumentUrl,
    /// Where that was asked for before, the first address first.
    pub hops: Vec<DocumentUrl>,
    /// What it is.
    pub body: Bytes,
}

impl Gate {
    /// Fetches a document that others publish. It carries no secret. The error is the same words
    /// whatever went wrong; the reason is its cause, for the log.
    pub async fn fetch(&self, url: DocumentUrl, terms: FetchTerms) -> Result<Document, Error> {
        let host = url.url().host_str().unwrap_or_default().to_owned();
        self.fetcher.fetch(url, terms).await.map_err(|fault| {
            let what = format!("The document at {host} cannot be fetched. Check its address.");
            Error::new(Kind::UpstreamFailed, what).with_source(fault)
        })
    }
}

/// Fetches documents and keeps them for a while.
pub(crate) struct Fetcher {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    others: Budget,
    owners: Budget,
    kept: Cache<Key, Arc<Slot>>,
}

type Key = (DocumentUrl, FetchTerms);

/// What is known of one document. Its lock is held while it is fetched: others wait for that.
type Slot = Mutex<Option<Kept>>;

struct Kept {
    outcome: Result<Document, Fault>,
    since: Duration,
    until: Duration,
}

impl Fetcher {
    pub(crate) fn new(client: Arc<Client>, clock: Arc<dyn Clock>) -> Self {
        let others = Budget::new(AT_ONCE, AT_ONCE_EACH);
        let owners = Budget::new(OWNERS_AT_ONCE, AT_ONCE_EACH);
        Self { client, clock, others, owners, kept: Cache::new(KEPT) }
    }

    /// The document, if need be as it was a while ago.
    pub(crate) async fn fetch(
        &self,
        url: DocumentUrl,
        terms: FetchTerms,
    ) -> Result<Document, Fault> {
        let came = self.clock.elapsed();
        let key = (url, terms);
        let slot = match self.kept.get(&key) {
            Some(slot) => slot,
            None => self.slot(&key),
        };
        let mut slot = slot.lock().await;
        // What was fetched while this waited is as fresh as can be, even if it may not be kept.
        let now = self.clock.elapsed();
        if let Some(kept) = slot.as_ref().filter(|kept| now < kept.until || came < kept.since) {
            return kept.outcome.clone();
        }
        let (url, terms) = key;
        let fetched = self.fetch_anew(url, terms, false).await;
        let since = self.clock.elapsed();
        let (outcome, keep_for) = match fetched {
            Ok((document, keep_for)) => (Ok(document), keep_for),
            Err(fault) => (Err(fault), KEPT_FAILURE),
        };
        let is_small = outcome.as_ref().is_ok_and(|document| document.body.len() <= KEPT_BYTES);
        *slot = (outcome.is_err() || is_small).then(|| Kept {
            outcome: outcome.clone(),
            since,
            until: since + keep_for,
        });
        outcome
    }

    /// The document as it is now, past the caches that heed it. What is kept of it stays.
    pub(crate) async fn fetch_fresh(
        &self,
        url: DocumentUrl,
        terms: FetchTerms,
    ) -> Result<Document, Fault> {
        self.fetch_anew(url, terms, true).await.map(|(document, _)| document)
    }

    /// The place of a document that nobody has asked for lately.
    fn slot(&self, key: &Key) -> Arc<Slot> {
        let made = || Ok::<_, Fault>(Arc::default());
        self.kept.get_or_insert_with(key, made).unwrap_or_default()
    }

    async fn fetch_anew(
        &self,
        url: DocumentUrl,
        terms: FetchTerms,
        fresh: bool,
    ) -> Result<(Document, Duration), Fault> {
        let fetched = timeout(terms.patience, self.follow(url, terms, fresh));
        fetched.await.map_err(|_| Fault::Late)?
    }

    async fn follow(
        &self,
        url: DocumentUrl,
        terms: FetchTerms,
        fresh: bool,
    ) -> Result<(Document, Duration), Fault> {
        let (mut url, mut hops) = (url, Vec::new());
        loop {
            let answer = self.ask(url.clone(), terms, fresh).await?;
            if answer.status.is_redirection() {
                let next = next_hop(&url, &answer, terms.redirects, hops.len())?;
                hops.push(std::mem::replace(&mut url, next));
                continue;
            }
            if answer.status != StatusCode::OK {
                return Err(Fault::Status(answer.status.as_u16()));
            }
            if terms.form == DocumentForm::Json && !is_json(&answer.headers) {
                return Err(Fault::NotJson);
            }
            let keep_for = kept_for(&answer.headers);
            return Ok((Document { url, hops, body: answer.body }, keep_for));
        }
    }

    async fn ask(&self, url: DocumentUrl, terms: FetchTerms, fresh: bool) -> Result<Answer, Fault> {
        let budget = if url.is_owners() { &self.owners } else { &self.others };
        let _leave = budget.leave(url.url().origin().ascii_serialization()).await?;
        let mut ask = Ask::get(url);
        let accepted = match terms.form {
            DocumentForm::Json => "application/json",
            DocumentForm::Any => "application/json, */*;q=0.5",
        };
        ask.headers.insert(ACCEPT, HeaderValue::from_static(accepted));
        if fresh {
            ask.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let bounds = Bounds { body_bytes: terms.body_bytes, total: terms.patience };
        self.client.ask(ask, bounds).await
    }
}

fn next_hop(
    url: &DocumentUrl,
    answer: &Answer,
    redirects: Redirects,
    so_far: usize,
) -> Result<DocumentUrl, Fault> {
    if redirects == Redirects::None || so_far == HOPS {
        return Err(Fault::Redirected);
    }
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| url.redirected(location).ok());
    next.ok_or(Fault::Redirected)
}

/// Whether an answer says that it is JSON, or a format made of it (RFC 6839, 3.1).
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|it| it == "application/json" || it.ends_with("+json"))
}

/// What an answer says that it is, in lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// How long an answer may be kept (RFC 9111, 5.2.2), within our own bounds.
fn kept_for(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut kept_for = KEPT_USUALLY;
    for directive in lines.flat_map(|line| line.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return Duration::ZERO;
        }
        if let Some(age) = directive.strip_prefix("max-age=") {
            let age = age.trim_matches('"').parse().unwrap_or(0);
            kept_for = Duration::from_secs(age).min(KEPT_MOST);
        }
    }
    kept_for
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
