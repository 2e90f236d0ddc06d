//! Requests that are to be done once (`Idempotency-Key`), whoever sends them again.
//!
//! The answer to the first is kept for a day, sealed: it may hold a key that is shown once. Whether
//! a request whose answer was lost has done its work is told by its audit record, which the same
//! commit wrote. So an act is repeated only where none was made.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_kernel::{Error, Kind, Secret, Timestamp};
use tollgate_store::{NewReplay, ReplayClaim, ReplayRecord};
use tollgate_vault::{HashedToken, KeptAnswer, Place, Purpose, Sealed};

use crate::{Gate, Principal};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// The most answers that are kept for one subject, and places for them.
const KEPT_MOST: u32 = 1_000;

/// The header that names the key.
const PARAM: &str = "Idempotency-Key";

/// What somebody wants to be done once.
pub struct OnceAsked<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The key that they chose.
    pub key: &'a str,
    /// The method and the path.
    pub place: &'a str,
    /// The query.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What is to become of such a request.
pub enum Claim {
    /// It is the first: it is to be done, and what came of it told to [`Gate::conclude`].
    Do(Once),
    /// It was done: this was the answer.
    Done(Kept),
}

/// A request that is done now, for the first time.
pub struct Once {
    id: [u8; 32],
}

/// An answer that is kept.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// The status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// What came of a request that was to be done once.
pub enum Came {
    /// It was done, and answered so.
    Answered(Kept),
    /// It was refused: nothing was done.
    Refused,
    /// Something failed on the way. Whether it was done shows when it comes again.
    Failed,
}

/// Requests that are done at this moment.
#[derive(Default)]
pub(crate) struct Replays {
    running: Mutex<HashSet<[u8; 32]>>,
}

impl Replays {
    fn start(&self, id: [u8; 32]) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    fn end(&self, id: &[u8; 32]) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Gate {
    /// Whether a request is to be done, or was. A conflict while it is being done, when its answer
    /// was lost, and when the same key came with something else; `RateLimited` where the subject
    /// has as many as are kept. Whoever asks must not be cut off
    /// before [`Gate::conclude`]: they stand in a task of their own.
    pub async fn claim(&self, asked: OnceAsked<'_>) -> Result<Claim, Error> {
        let new = self.new_replay(&asked);
        if !self.replays.start(new.id) {
            let what = "The first request with this Idempotency-Key is still being done.";
            let error = Error::new(Kind::Conflict, what).with_param(PARAM);
            return Err(error.with_retry_after(Duration::from_secs(1)));
        }
        let claimed = self.claimed(&new).await;
        if !matches!(claimed, Ok(Claim::Do(_))) {
            self.replays.end(&new.id);
        }
        claimed
    }

    async fn claimed(&self, new: &NewReplay) -> Result<Claim, Error> {
        let earlier = match self.writer.claim_replay(new).await? {
            ReplayClaim::First => return Ok(Claim::Do(Once { id: new.id })),
            ReplayClaim::Full { wait } => return Err(too_many(wait)),
            ReplayClaim::Taken(earlier) => earlier,
        };
        if earlier.asked != new.asked {
            let what = "This Idempotency-Key was used for another request. Use a new one.";
            return Err(Error::new(Kind::Conflict, what).with_param(PARAM));
        }
        if let Some(answer) = self.kept(&new.id, &earlier)? {
            return Ok(Claim::Done(answer));
        }
        if self.authn.reader.has_acted(&earlier.request).await? {
            let what = "The first request with this Idempotency-Key was done, but its answer was \
                        lost. Look at what is there before you ask with a new key.";
            return Err(Error::new(Kind::Conflict, what).with_param(PARAM));
        }
        self.writer.retry_replay(new).await?;
        Ok(Claim::Do(Once { id: new.id }))
    }

    /// Takes note of what came of a request that was to be done once.
    pub async fn conclude(&self, once: Once, came: Came) -> Result<(), Error> {
        let Once { id } = once;
        let noted = match came {
            Came::Answered(answer) => match self.seal_answer(&id, &answer) {
                Ok(sealed) => self.writer.answer_replay(&id, &sealed).await,
                Err(error) => Err(error),
            },
            Came::Refused => self.writer.drop_replay(&id).await,
            Came::Failed => Ok(()),
        };
        self.replays.end(&id);
        noted
    }

    fn new_replay(&self, asked: &OnceAsked<'_>) -> NewReplay {
        let OnceAsked { principal, key, place, query, body } = asked;
        // A narrower credential of the same person must not be shown what a wider one made.
        let who = format!(
            "{} {:?} {:?} {:?} {:?}",
            principal.subject(),
            principal.client(),
            principal.method(),
            principal.credential(),
            principal.scopes(),
        );
        let id = self.parts_mac(&[who.as_bytes(), place.as_bytes(), key.as_bytes()]);
        let asked = self.parts_mac(&[query.as_bytes(), body]);
        // All of a person's credentials share the places, or each sign-in would bring more.
        let subject = self.parts_mac(&[principal.subject().to_string().as_bytes()]);
        let at = self.clock.now();
        NewReplay {
            id: *id.as_bytes(),
            principal: *subject.as_bytes(),
            most: KEPT_MOST,
            asked: *asked.as_bytes(),
            request: principal.request().map(|id| id.to_string()).unwrap_or_default(),
            at,
            expires_at: at.plus(KEPT),
        }
    }

    /// A keyed hash of several parts, each with its length before it.
    fn parts_mac(&self, parts: &[&[u8]]) -> HashedToken {
        let mut data = Vec::new();
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        self.vault.mac(Purpose::Replay, &data)
    }

    fn seal_answer(&self, id: &[u8; 32], answer: &Kept) -> Result<Vec<u8>, Error> {
        let text = Secret::new(serde_json::to_string(answer).map_err(Error::internal)?);
        Ok(self.vault.seal::<KeptAnswer>(&place(id), &text, &*self.rng)?.into_bytes())
    }

    fn kept(&self, id: &[u8; 32], record: &ReplayRecord) -> Result<Option<Kept>, Error> {
        let Some(bytes) = &record.answer else { return Ok(None) };
        let sealed = Sealed::<KeptAnswer>::from_bytes(bytes.clone());
        let text = self.opener.open(&place(id), &sealed)?;
        serde_json::from_str(text.expose()).map(Some).map_err(Error::internal)
    }

    /// Removes what has expired: sessions, links, ended secrets, told events, kept answers.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        self.writer.sweep(now).await.map(drop)
    }
}

fn too_many(wait: Duration) -> Error {
    let what = "Too many requests with an Idempotency-Key were made in a day. Send this one \
                without, or wait until the first of them is a day old.";
    Error::new(Kind::RateLimited, what).with_param(PARAM).with_retry_after(wait)
}

fn place(id: &[u8; 32]) -> Place {
    Place {
        table: "replays",
        column: "answer",
        row: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        owner: "installation".to_owned(),
        version: 1,
    }
}
