//! Announcements: what every node must hear of within a second, in an order without gaps.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{Error, Timestamp};

use crate::Reader;
use crate::sql::{Record, Row, Transaction, Value, args};

/// The most rows of one INSERT.
const CHUNK: usize = 256;

/// The most events that [`Reader::events_after`] answers at once.
const BATCH: u32 = 1_000;

/// What an announcement is about. Its id is that of the thing, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A person: role, plan, groups, state, password.
    User,
    /// An API key.
    Key,
    /// A signed-in browser.
    Session,
    /// A plan.
    Plan,
    /// A group, its plan or its pool.
    Group,
    /// A registered app.
    Client,
    /// A model provider.
    Upstream,
    /// A model alias.
    Model,
    /// A setting of the installation.
    Setting,
    /// A key that signs tokens.
    SigningKey,
    /// What a person allowed an app.
    Grant,
    /// One access token.
    Token,
    /// An address that tokens are made for.
    Resource,
    /// A tool, or who may call it.
    Tool,
    /// Somebody else's tool.
    Install,
    /// A person's connection to one.
    Connection,
}

impl EventKind {
    const ALL: [Self; 16] = [
        Self::User,
        Self::Key,
        Self::Session,
        Self::Plan,
        Self::Group,
        Self::Client,
        Self::Upstream,
        Self::Model,
        Self::Setting,
        Self::SigningKey,
        Self::Grant,
        Self::Token,
        Self::Resource,
        Self::Tool,
        Self::Install,
        Self::Connection,
    ];

    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Session => "session",
            Self::Plan => "plan",
            Self::Group => "group",
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Model => "model",
            Self::Setting => "setting",
            Self::SigningKey => "signing_key",
            Self::Grant => "grant",
            Self::Token => "token",
            Self::Resource => "resource",
            Self::Tool => "tool",
            Self::Install => "install",
            Self::Connection => "connection",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("{text:?} is no kind of event")))
    }
}

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number; numbers rise by one with each event.
    pub seq: i64,
    /// What it is about.
    pub kind: EventKind,
    /// Which one.
    pub id: String,
    /// When it was committed.
    pub at: Timestamp,
}

impl Record for Event {
    const TABLE: &'static str = "events";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            seq: row.int("seq")?,
            kind: row.id("kind")?,
            id: row.text("id")?,
            at: row.time("at")?,
        })
    }
}

impl Reader {
    /// The events after number `seq`, oldest first, at most a thousand: ask again until none come.
    pub async fn events_after(&self, seq: i64) -> Result<Vec<Event>, Error> {
        let sql = "SELECT seq, kind, id, at FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
        self.db.all(sql, args![seq, BATCH]).await?.iter().map(Row::record).collect()
    }

    /// The number of the newest event; 0 when there never was one. Ask before the first read of
    /// what events tell about, then read events after it.
    pub async fn latest_event(&self) -> Result<i64, Error> {
        // Old events are swept, the counter stays.
        let sql = "SELECT value FROM counters WHERE name = 'event'";
        self.db.one(sql, Vec::new()).await?.int("value")
    }
}

/// Writes the events of a transaction. From here to the commit others wait for the counter's row,
/// so that no reader sees a number before a lower one.
pub(crate) async fn write(
    transaction: &mut Transaction,
    events: &[(EventKind, String)],
    now: Timestamp,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(events.len()).map_err(Error::internal)?;
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'event' RETURNING value";
    let last = transaction.one(sql, args![count]).await?.int("value")?;
    let mut seq = last - count;
    for chunk in events.chunks(CHUNK) {
        let mut args: Vec<Value> = Vec::with_capacity(chunk.len() * 4);
        for (kind, id) in chunk {
            seq += 1;
            args.extend(args![seq, kind.as_str(), id, now]);
        }
        transaction.execute_values(("INSERT INTO events (seq, kind, id, at)", 4, ""), args).await?;
    }
    Ok(())
}
