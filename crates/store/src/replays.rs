//! Requests that are to be done once (`Idempotency-Key`): what was asked, and what was answered.

use std::time::Duration;

use tollgate_kernel::{Error, Timestamp};

use crate::sql::{Row, args};
use crate::{Reader, Writer};

/// A request that wants to be done once.
#[derive(Clone, Debug)]
pub struct NewReplay {
    /// The keyed hash of who asks, where, and the key that they chose.
    pub id: [u8; 32],
    /// The keyed hash of the subject that asks.
    pub principal: [u8; 32],
    /// How many of theirs are kept at the same time.
    pub most: u32,
    /// The keyed hash of what is asked.
    pub asked: [u8; 32],
    /// The id of the HTTP request.
    pub request: String,
    /// Now.
    pub at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What a request that wants to be done once finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayClaim {
    /// It is the first with its id.
    First,
    /// An earlier one has its id, and stays as it was.
    Taken(ReplayRecord),
    /// The subject has as many as are kept; the first of them is forgotten after this long.
    Full {
        /// How long.
        wait: Duration,
    },
}

/// An earlier request with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRecord {
    /// The keyed hash of what was asked.
    pub asked: [u8; 32],
    /// The id of the HTTP request that was to do it.
    pub request: String,
    /// When that came.
    pub at: Timestamp,
    /// The answer, sealed; `None` while there is none, or when it was lost.
    pub answer: Option<Vec<u8>>,
}

impl ReplayRecord {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            asked: row.hash("asked")?,
            request: row.text("request_id")?,
            at: row.time("at")?,
            answer: row.opt_bytes("answer")?,
        })
    }
}

impl Writer {
    /// Notes that a request is to be done, if it is the first with its id and has a place. (On
    /// PostgreSQL requests of one moment do not see one another, and may all take the last place.)
    pub async fn claim_replay(&self, new: &NewReplay) -> Result<ReplayClaim, Error> {
        let NewReplay { id, principal, most, asked, request, at, expires_at } = new;
        let mut transaction = self.begin_upkeep().await?;
        let ended = "DELETE FROM replays WHERE id = $1 AND expires_at <= $2";
        transaction.execute(ended, args![id, *at]).await?;
        let sql = "INSERT INTO replays (id, asked, request_id, at, expires_at, principal) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
        let args = args![id, asked, request.as_str(), *at, *expires_at, principal];
        let claim = if transaction.execute(sql, args).await? == 1 {
            let sql = "SELECT COUNT(*) AS held, MIN(expires_at) AS ends FROM replays \
                       WHERE principal = $1 AND expires_at > $2";
            let row = transaction.one(sql, args![principal, *at]).await?;
            if row.int("held")? > i64::from(*most) {
                // Dropped, the transaction takes back what it wrote.
                return Ok(ReplayClaim::Full { wait: row.time("ends")?.since(*at) });
            }
            ReplayClaim::First
        } else {
            let sql = "SELECT asked, request_id, at, answer FROM replays WHERE id = $1";
            let row = transaction.optional(sql, args![id]).await?;
            let row = row.ok_or_else(|| Error::unavailable("a replay went as it was read"))?;
            ReplayClaim::Taken(ReplayRecord::read(&row)?)
        };
        transaction.commit().await?;
        Ok(claim)
    }

    /// Hands a request that was not done to another HTTP request.
    pub async fn retry_replay(&self, new: &NewReplay) -> Result<(), Error> {
        let sql = "UPDATE replays SET request_id = $2, at = $3 WHERE id = $1 AND answer IS NULL";
        self.upkeep(sql, args![new.id, new.request.as_str(), new.at]).await
    }

    /// Keeps the answer to a request.
    pub async fn answer_replay(&self, id: &[u8; 32], sealed: &[u8]) -> Result<(), Error> {
        self.upkeep("UPDATE replays SET answer = $2 WHERE id = $1", args![id, sealed]).await
    }

    /// Forgets a request that was refused: nothing was done.
    pub async fn drop_replay(&self, id: &[u8; 32]) -> Result<(), Error> {
        self.upkeep("DELETE FROM replays WHERE id = $1", args![id]).await
    }

    async fn upkeep(&self, sql: &'static str, args: Vec<crate::sql::Value>) -> Result<(), Error> {
        let mut transaction = self.begin_upkeep().await?;
        transaction.execute(sql, args).await?;
        transaction.commit().await
    }
}

impl Reader {
    /// Whether the HTTP request with this id has changed anything: then there is an audit record
    /// of it, written by the same commit.
    pub async fn has_acted(&self, request: &str) -> Result<bool, Error> {
        let sql = "SELECT seq FROM audit WHERE request_id = $1 LIMIT 1";
        Ok(self.db.optional(sql, args![request]).await?.is_some())
    }
}
