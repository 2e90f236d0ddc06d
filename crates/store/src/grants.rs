//! Grants: what a person allowed an app. Each is a family of refresh tokens, of which one counts at
//! a time, with the access tokens that come of them.

use tollgate_kernel::{ClientId, Error, GrantId, SessionId, Timestamp, TokenId, UserId};

use crate::clients::client_columns;
use crate::sql::{Record, Row, args, columns};
use crate::users::user_columns;
use crate::{ClientRecord, EventKind, Reader, Tx, UserRecord};

/// A grant that is to be made.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Its id.
    pub id: GrantId,
    /// The app.
    pub client: ClientId,
    /// The person.
    pub user: UserId,
    /// The session that it ends with, if it ends with one.
    pub session: Option<SessionId>,
    /// The scopes.
    pub scope: String,
    /// For whom its tokens are.
    pub resource: String,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRecord {
    /// Its id.
    pub id: GrantId,
    /// The app.
    pub client: ClientId,
    /// The person.
    pub user: UserId,
    /// The session that it ends with, if it ends with one.
    pub session: Option<SessionId>,
    /// The scopes.
    pub scope: String,
    /// For whom its tokens are.
    pub resource: String,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

/// A refresh token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRecord {
    /// Its family.
    pub grant: GrantId,
    /// Which of the family it is, from 1.
    pub generation: i64,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// What a token of a grant rests on, whatever its state: the caller compares.
#[derive(Clone, Debug)]
pub struct GrantStanding {
    /// The grant.
    pub grant: GrantRecord,
    /// The person.
    pub user: UserRecord,
    /// The app.
    pub client: ClientRecord,
    /// Whether the token itself was revoked.
    pub revoked: bool,
}

macro_rules! grant_columns {
    () => {
        columns!("g", ""; id, client_id, user_id, session_id, scope, resource, auth_time,
            created_at, expires_at, ended_at)
    };
}

impl Record for GrantRecord {
    const TABLE: &'static str = "oauth_grants";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            client: row.id("client_id")?,
            user: row.id("user_id")?,
            session: row.opt_id("session_id")?,
            scope: row.text("scope")?,
            resource: row.text("resource")?,
            auth_time: row.time("auth_time")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
            ended_at: row.opt_time("ended_at")?,
        })
    }
}

impl Record for RefreshRecord {
    const TABLE: &'static str = "refresh_tokens";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            grant: row.id("grant_id")?,
            generation: row.int("generation")?,
            expires_at: row.time("expires_at")?,
            used_at: row.opt_time("used_at")?,
        })
    }
}

impl Reader {
    /// What the access token `token` of a grant rests on.
    pub async fn grant_standing(
        &self,
        grant: GrantId,
        token: TokenId,
    ) -> Result<Option<GrantStanding>, Error> {
        let sql = concat!(
            "SELECT ",
            grant_columns!(),
            ", ",
            user_columns!("u", "u_"),
            ", ",
            client_columns!("c", "c_"),
            ", r.id AS revoked FROM oauth_grants g JOIN users u ON u.id = g.user_id \
             JOIN clients c ON c.id = g.client_id LEFT JOIN revoked_tokens r ON r.id = $2 \
             WHERE g.id = $1"
        );
        let Some(row) = self.db.optional(sql, args![grant, token]).await? else { return Ok(None) };
        Ok(Some(GrantStanding {
            grant: row.record()?,
            user: UserRecord::read(&row.part("users", "u_"))?,
            client: ClientRecord::read(&row.part("clients", "c_"))?,
            revoked: row.opt_text("revoked")?.is_some(),
        }))
    }

    /// A grant.
    pub async fn grant(&self, id: GrantId) -> Result<Option<GrantRecord>, Error> {
        const SQL: &str =
            concat!("SELECT ", grant_columns!(), " FROM oauth_grants g WHERE g.id = $1");
        self.db.optional(SQL, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// A refresh token and its grant, whatever their state.
    pub async fn refresh_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(RefreshRecord, GrantRecord)>, Error> {
        with_grant(self.db.optional(REFRESH, args![hash]).await?)
    }

    /// Whether an access token was revoked.
    pub async fn is_revoked(&self, token: TokenId) -> Result<bool, Error> {
        let sql = "SELECT id FROM revoked_tokens WHERE id = $1";
        Ok(self.db.optional(sql, args![token]).await?.is_some())
    }
}

const REFRESH: &str = concat!(
    "SELECT ",
    columns!("t", "t_"; grant_id, generation, expires_at, used_at),
    ", ",
    grant_columns!(),
    " FROM refresh_tokens t JOIN oauth_grants g ON g.id = t.grant_id WHERE t.hash = $1"
);

fn with_grant(row: Option<Row>) -> Result<Option<(RefreshRecord, GrantRecord)>, Error> {
    let read =
        |row: Row| Ok((RefreshRecord::read(&row.part("refresh_tokens", "t_"))?, row.record()?));
    row.map(read).transpose()
}

impl Tx {
    /// Makes a grant.
    pub async fn insert_grant(&mut self, grant: &NewGrant) -> Result<(), Error> {
        let NewGrant { id, client, user, session, scope, resource, auth_time, expires_at } = grant;
        let sql = "INSERT INTO oauth_grants (id, client_id, user_id, session_id, scope, resource, \
                   auth_time, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let args = args![
            *id,
            *client,
            *user,
            *session,
            scope,
            resource,
            *auth_time,
            self.now,
            *expires_at
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// A refresh token and its grant as they are in this transaction.
    pub async fn refresh_token(
        &mut self,
        hash: &[u8; 32],
    ) -> Result<Option<(RefreshRecord, GrantRecord)>, Error> {
        with_grant(self.optional(REFRESH, args![hash]).await?)
    }

    /// The refresh token of a family that is of this generation.
    pub async fn refresh_of_generation(
        &mut self,
        grant: GrantId,
        generation: i64,
    ) -> Result<Option<RefreshRecord>, Error> {
        let sql = "SELECT grant_id, generation, expires_at, used_at FROM refresh_tokens \
                   WHERE grant_id = $1 AND generation = $2";
        let row = self.optional(sql, args![grant, generation]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// Adds a refresh token to a family.
    pub async fn insert_refresh(
        &mut self,
        hash: &[u8; 32],
        grant: GrantId,
        generation: i64,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO refresh_tokens (hash, grant_id, generation, expires_at) \
                   VALUES ($1, $2, $3, $4)";
        self.execute(sql, args![hash, grant, generation, expires_at]).await.map(drop)
    }

    /// Uses a refresh token up. Of any number of transactions at once one gets `true`.
    pub async fn use_refresh(&mut self, hash: &[u8; 32]) -> Result<bool, Error> {
        let sql = "UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL";
        Ok(self.execute(sql, args![hash, self.now]).await? == 1)
    }

    /// Ends a grant, with all its tokens; whether it had not ended yet.
    pub async fn end_grant(&mut self, id: GrantId) -> Result<bool, Error> {
        let sql = "UPDATE oauth_grants SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
        let ended = self.execute(sql, args![id, self.now]).await? == 1;
        if ended {
            self.announce(EventKind::Grant, id.to_string());
        }
        Ok(ended)
    }

    /// Ends all that a person allowed, or what they allowed one app; says how many grants.
    pub async fn end_grants_of(
        &mut self,
        user: UserId,
        client: Option<ClientId>,
    ) -> Result<usize, Error> {
        let sql = "UPDATE oauth_grants SET ended_at = $3 WHERE user_id = $1 \
                   AND ($2 IS NULL OR client_id = $2) AND ended_at IS NULL RETURNING id";
        let args = args![user, client, self.now];
        self.ended(sql, args).await
    }

    /// Ends the grants that end with a session.
    pub(crate) async fn end_grants_of_session(&mut self, session: SessionId) -> Result<(), Error> {
        let sql = "UPDATE oauth_grants SET ended_at = $2 WHERE session_id = $1 \
                   AND ended_at IS NULL RETURNING id";
        self.ended(sql, args![session, self.now]).await.map(drop)
    }

    async fn ended(
        &mut self,
        sql: &'static str,
        args: Vec<crate::sql::Value>,
    ) -> Result<usize, Error> {
        let ended = self.all(sql, args).await?;
        for grant in &ended {
            self.announce(EventKind::Grant, grant.text("id")?);
        }
        Ok(ended.len())
    }

    /// Revokes one access token, which ends at `expires_at` by itself; whether it was not revoked
    /// yet.
    pub async fn revoke_token(
        &mut self,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO revoked_tokens (id, expires_at) VALUES ($1, $2) \
                   ON CONFLICT (id) DO NOTHING";
        let revoked = self.execute(sql, args![token, expires_at]).await? == 1;
        if revoked {
            self.announce(EventKind::Token, token.to_string());
        }
        Ok(revoked)
    }
}
