//! What the server writes by itself, with no audit record: when a credential was last used, and
//! the removal of what has expired.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_kernel::{Error, KeyId, Network, SessionId, Timestamp};

use crate::Writer;
use crate::sql::{Value, args};

/// The most rows of one statement: a sweep never holds the only writer for long.
const CHUNK: usize = 256;

/// How long events are kept for nodes that have not read them, and used links and ended secrets
/// for those who look what happened.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How long a used refresh token is remembered, so that one that comes again ends its family.
const KEPT_REFRESH: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions past their end.
    pub sessions: u64,
    /// Links that were used or are past their end, for a day.
    pub links: u64,
    /// Secrets of rotated keys past their overlap, for a day.
    pub secrets: u64,
    /// Events older than a day.
    pub events: u64,
    /// Requests that were to be done once, past their day.
    pub replays: u64,
    /// Authorization codes past their minute, for a day.
    pub codes: u64,
    /// What apps were allowed and is over, for a day.
    pub grants: u64,
    /// Refresh tokens that were used, for [`KEPT_REFRESH`].
    pub refresh_tokens: u64,
    /// Revoked access tokens past their end.
    pub revoked_tokens: u64,
    /// Sign-ins with a provider that nobody came back from.
    pub sign_ins: u64,
    /// Sign-ins at a tool that nobody came back from.
    pub flows: u64,
}

impl Writer {
    /// Notes when and from where keys were last used. An older moment changes nothing.
    pub async fn touch_keys(&self, used: &[(KeyId, Timestamp, Network)]) -> Result<(), Error> {
        // One row for each key, in one order, so that two of these cannot lock each other out.
        let mut latest: BTreeMap<KeyId, (Timestamp, Network)> = BTreeMap::new();
        for (key, at, network) in used {
            let last = latest.entry(*key).or_insert((*at, *network));
            if *at > last.0 {
                *last = (*at, *network);
            }
        }
        let rows: Vec<_> = latest.into_iter().collect();
        let text = (
            "UPDATE keys SET last_used_at = v.column2, last_used_from = v.column3 FROM (",
            3,
            ") AS v WHERE keys.id = v.column1 \
             AND (keys.last_used_at IS NULL OR keys.last_used_at < v.column2)",
        );
        for chunk in rows.chunks(CHUNK) {
            let args: Vec<Value> = chunk
                .iter()
                .flat_map(|(key, (at, network))| args![*key, *at, network.to_string()])
                .collect();
            let mut transaction = self.begin_upkeep().await?;
            transaction.execute_values(text, args).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Notes when sessions were last seen. An older moment changes nothing.
    pub async fn touch_sessions(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Error> {
        let mut latest: BTreeMap<SessionId, Timestamp> = BTreeMap::new();
        for (session, at) in seen {
            let last = latest.entry(*session).or_insert(*at);
            *last = (*last).max(*at);
        }
        let rows: Vec<_> = latest.into_iter().collect();
        let text = (
            "UPDATE sessions SET last_seen_at = v.column2 FROM (",
            2,
            ") AS v WHERE sessions.id = v.column1 AND sessions.last_seen_at < v.column2",
        );
        for chunk in rows.chunks(CHUNK) {
            let args: Vec<Value> = chunk.iter().flat_map(|(id, at)| args![*id, *at]).collect();
            let mut transaction = self.begin_upkeep().await?;
            transaction.execute_values(text, args).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Removes what has expired by `now`, a few rows in each transaction.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, Error> {
        let old = now.minus(KEPT);
        Ok(Swept {
            sessions: self
                .sweep_with(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
                     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    now,
                )
                .await?,
            links: self
                .sweep_with(
                    "DELETE FROM links WHERE id IN (SELECT id FROM links \
                     WHERE expires_at <= $1 OR used_at <= $1 ORDER BY expires_at LIMIT $2)",
                    old,
                )
                .await?,
            secrets: self
                .sweep_with(
                    "DELETE FROM key_secrets WHERE hash IN (SELECT hash FROM key_secrets \
                     WHERE expires_at IS NOT NULL AND expires_at <= $1 \
                     ORDER BY expires_at LIMIT $2)",
                    old,
                )
                .await?,
            events: self
                .sweep_with(
                    "DELETE FROM events WHERE seq IN (SELECT seq FROM events \
                     WHERE at <= $1 ORDER BY at LIMIT $2)",
                    old,
                )
                .await?,
            replays: self
                .sweep_with(
                    "DELETE FROM replays WHERE id IN (SELECT id FROM replays \
                     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    now,
                )
                .await?,
            codes: self
                .sweep_with(
                    "DELETE FROM auth_codes WHERE hash IN (SELECT hash FROM auth_codes \
                     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    old,
                )
                .await?,
            grants: self.sweep_grants(old).await?,
            refresh_tokens: self
                .sweep_with(
                    "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens \
                     WHERE used_at IS NOT NULL AND used_at <= $1 ORDER BY used_at LIMIT $2)",
                    now.minus(KEPT_REFRESH),
                )
                .await?,
            revoked_tokens: self
                .sweep_with(
                    "DELETE FROM revoked_tokens WHERE id IN (SELECT id FROM revoked_tokens \
                     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    now,
                )
                .await?,
            sign_ins: self.sweep_sign_ins(now).await?,
            flows: self.sweep_flows(now).await?,
        })
    }

    /// Two statements, so that each has an index.
    async fn sweep_grants(&self, old: Timestamp) -> Result<u64, Error> {
        let expired = "DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants \
                       WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        let ended = "DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants \
                     WHERE ended_at IS NOT NULL AND ended_at <= $1 ORDER BY ended_at LIMIT $2)";
        Ok(self.sweep_with(expired, old).await? + self.sweep_with(ended, old).await?)
    }

    async fn sweep_sign_ins(&self, now: Timestamp) -> Result<u64, Error> {
        let over = "DELETE FROM sign_ins WHERE state IN (SELECT state FROM sign_ins \
                    WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        self.sweep_with(over, now).await
    }

    async fn sweep_flows(&self, now: Timestamp) -> Result<u64, Error> {
        let over = "DELETE FROM connection_flows WHERE state IN (SELECT state FROM \
                    connection_flows WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        self.sweep_with(over, now).await
    }

    async fn sweep_with(&self, sql: &'static str, before: Timestamp) -> Result<u64, Error> {
        let chunk = i64::try_from(CHUNK).map_err(Error::internal)?;
        let mut removed = 0;
        loop {
            let mut transaction = self.begin_upkeep().await?;
            let count = transaction.execute(sql, args![before, chunk]).await?;
            transaction.commit().await?;
            removed += count;
            if i64::try_from(count).map_err(Error::internal)? < chunk {
                return Ok(removed);
            }
        }
    }
}
