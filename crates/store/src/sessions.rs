//! Signed-in browsers.

use tollgate_kernel::{Error, SessionId, Timestamp, UserId};

use crate::page::page_of;
use crate::sql::{Record, Row, args, columns};
use crate::users::user_columns;
use crate::{EventKind, Owner, Page, PageRequest, Reader, Tx, UserRecord};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Who is signed in.
    pub user: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last seen, to within a minute.
    pub last_seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// From where the sign-in came.
    pub network: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

/// A session that is to be made.
#[derive(Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The keyed hash of the cookie.
    pub hash: [u8; 32],
    /// Who signed in.
    pub user: UserId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// From where.
    pub network: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

macro_rules! session_columns {
    () => {
        columns!("s", ""; id, user_id, created_at, last_seen_at, expires_at, network, agent)
    };
}

impl Record for SessionRecord {
    const TABLE: &'static str = "sessions";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            user: row.id("user_id")?,
            created_at: row.time("created_at")?,
            last_seen_at: row.time("last_seen_at")?,
            expires_at: row.time("expires_at")?,
            network: row.opt_text("network")?,
            agent: row.opt_text("agent")?,
        })
    }
}

impl Reader {
    /// The session of the cookie with this hash and whose it is, whatever their state: the caller
    /// compares states and times.
    pub async fn session_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(SessionRecord, UserRecord)>, Error> {
        let sql = concat!(
            "SELECT ",
            session_columns!(),
            ", ",
            user_columns!("u", "u_"),
            " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.hash = $1"
        );
        with_user(self.db.optional(sql, args![hash]).await?)
    }

    /// The same by the session's id, for tokens that were made from a session.
    pub async fn session_with_user(
        &self,
        id: SessionId,
    ) -> Result<Option<(SessionRecord, UserRecord)>, Error> {
        let sql = concat!(
            "SELECT ",
            session_columns!(),
            ", ",
            user_columns!("u", "u_"),
            " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
        );
        with_user(self.db.optional(sql, args![id]).await?)
    }

    /// One session, if `owner` may know of it.
    pub async fn session(
        &self,
        owner: Owner,
        id: SessionId,
    ) -> Result<Option<SessionRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.id = $1 AND ($2 IS NULL OR s.user_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// The sessions that `owner` may know of and that have not ended by `now`, oldest first.
    pub async fn sessions(
        &self,
        owner: Owner,
        now: Timestamp,
        request: &PageRequest,
    ) -> Result<Page<SessionRecord>, Error> {
        const ALL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.id > $1 AND s.expires_at > $2 ORDER BY s.id LIMIT $3"
        );
        const OF_USER: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.id > $1 AND s.expires_at > $2 AND s.user_id = $4 \
             ORDER BY s.id LIMIT $3"
        );
        let mut args = args![request.after(), now, request.fetched()];
        let sql = match owner {
            Owner::All => ALL,
            Owner::User(user) => {
                args.extend(args![user]);
                OF_USER
            }
        };
        let rows = self.db.all(sql, args).await?;
        page_of(&rows, request, |session: &SessionRecord| session.id.to_string())
    }
}

/// A session and whose it is.
fn with_user(row: Option<Row>) -> Result<Option<(SessionRecord, UserRecord)>, Error> {
    let read = |row: Row| Ok((row.record()?, UserRecord::read(&row.part("users", "u_"))?));
    row.map(read).transpose()
}

impl Tx {
    /// Makes a session.
    pub async fn insert_session(&mut self, session: NewSession) -> Result<SessionRecord, Error> {
        let NewSession { id, hash, user, expires_at, network, agent } = session;
        let sql = "INSERT INTO sessions (id, hash, user_id, created_at, last_seen_at, expires_at, \
                   network, agent) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
        let args =
            args![id, hash, user, self.now, expires_at, network.as_deref(), agent.as_deref()];
        self.execute(sql, args).await?;
        let (created_at, last_seen_at) = (self.now, self.now);
        Ok(SessionRecord { id, user, created_at, last_seen_at, expires_at, network, agent })
    }

    /// Ends a session, if `owner` may know of it, with the codes that were given in it and the
    /// grants that end with it.
    pub async fn end_session(&mut self, owner: Owner, id: SessionId) -> Result<(), Error> {
        let sql = "DELETE FROM sessions WHERE id = $1 AND ($2 IS NULL OR user_id = $2) \
                   RETURNING user_id";
        let ended = self.optional(sql, args![id, owner.value()]).await?;
        let user: UserId = ended.ok_or_else(Error::not_found)?.id("user_id")?;
        self.announce(EventKind::Session, id.to_string());
        self.drop_codes_of(user, None, Some(id)).await?;
        self.end_grants_of_session(id).await
    }

    /// Whether the session is its person's and not over. If so it lasts until this transaction
    /// ends.
    pub async fn keep_session(&mut self, user: UserId, id: SessionId) -> Result<bool, Error> {
        let sql = "UPDATE sessions SET expires_at = expires_at \
                   WHERE id = $1 AND user_id = $2 AND expires_at > $3";
        Ok(self.execute(sql, args![id, user, self.now]).await? == 1)
    }

    /// Ends all sessions of a person but one, and all that they allowed apps, which ask them anew;
    /// says how many sessions.
    pub async fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<usize, Error> {
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR id <> $2) \
                   RETURNING id";
        let ended = self.all(sql, args![user, except]).await?;
        for session in &ended {
            self.announce(EventKind::Session, session.text("id")?);
        }
        self.drop_consents_of(user).await?;
        self.drop_codes_of(user, None, None).await?;
        self.end_grants_of(user, None).await?;
        Ok(ended.len())
    }
}
