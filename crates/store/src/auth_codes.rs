//! Authorization codes: what a person's browser brings to an app.

use tollgate_kernel::{ClientId, Error, GrantId, SessionId, Timestamp, UserId};

use crate::sql::{Record, Row, args, columns};
use crate::{Reader, Tx};

/// A code that is to be made, with all that it is bound to.
#[derive(Clone)]
pub struct NewCode {
    /// The keyed hash of the code.
    pub hash: [u8; 32],
    /// The grant that it becomes.
    pub grant: GrantId,
    /// The app.
    pub client: ClientId,
    /// Who consented.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// The redirect URI of the request, if it had one.
    pub redirect_uri: Option<String>,
    /// The PKCE challenge, if there was one.
    pub challenge: Option<String>,
    /// The scopes that were granted.
    pub scope: String,
    /// For whom the token is to be.
    pub resource: String,
    /// What the ID token has to repeat.
    pub nonce: Option<String>,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A code as it is stored, used or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRecord {
    /// The grant that it becomes.
    pub grant: GrantId,
    /// The app.
    pub client: ClientId,
    /// Who consented.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// The redirect URI of the request, if it had one.
    pub redirect_uri: Option<String>,
    /// The PKCE challenge, if there was one.
    pub challenge: Option<String>,
    /// The scopes that were granted.
    pub scope: String,
    /// For whom the token is to be.
    pub resource: String,
    /// What the ID token has to repeat.
    pub nonce: Option<String>,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// What came of using a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It is used up, by this.
    Now,
    /// It was used before.
    Before,
    /// It is not there any more: what it was given in has ended.
    Gone,
}

impl Record for CodeRecord {
    const TABLE: &'static str = "auth_codes";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            grant: row.id("grant_id")?,
            client: row.id("client_id")?,
            user: row.id("user_id")?,
            session: row.id("session_id")?,
            redirect_uri: row.opt_text("redirect_uri")?,
            challenge: row.opt_text("challenge")?,
            scope: row.text("scope")?,
            resource: row.text("resource")?,
            nonce: row.opt_text("nonce")?,
            auth_time: row.time("auth_time")?,
            expires_at: row.time("expires_at")?,
            used_at: row.opt_time("used_at")?,
        })
    }
}

impl Reader {
    /// The code with this hash, used or not: the caller compares what it is bound to.
    pub async fn code(&self, hash: &[u8; 32]) -> Result<Option<CodeRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            columns!("k", ""; grant_id, client_id, user_id, session_id, redirect_uri, challenge,
                scope, resource, nonce, auth_time, expires_at, used_at),
            " FROM auth_codes k WHERE k.hash = $1"
        );
        self.db.optional(sql, args![hash]).await?.map(|row| row.record()).transpose()
    }
}

impl Tx {
    /// Makes a code.
    pub async fn insert_code(&mut self, code: NewCode) -> Result<(), Error> {
        let NewCode { hash, grant, client, user, session, redirect_uri, .. } = code;
        let sql = "INSERT INTO auth_codes (hash, grant_id, client_id, user_id, session_id, \
                   redirect_uri, challenge, scope, resource, nonce, auth_time, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let args = args![
            hash,
            grant,
            client,
            user,
            session,
            redirect_uri.as_deref(),
            code.challenge.as_deref(),
            code.scope,
            code.resource,
            code.nonce.as_deref(),
            code.auth_time,
            code.expires_at,
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Removes the codes of a person that wait; those for one app, or of one session. Before grants
    /// are ended: a code that is being used meanwhile is waited for, and its grant seen then.
    pub(crate) async fn drop_codes_of(
        &mut self,
        user: UserId,
        client: Option<ClientId>,
        session: Option<SessionId>,
    ) -> Result<(), Error> {
        let sql = "DELETE FROM auth_codes WHERE user_id = $1 AND used_at IS NULL \
                   AND ($2 IS NULL OR client_id = $2) AND ($3 IS NULL OR session_id = $3)";
        self.execute(sql, args![user, client, session]).await.map(drop)
    }

    /// Uses a code up. Of any number of transactions at once one gets `Used::Now`.
    pub async fn use_code(&mut self, hash: &[u8; 32]) -> Result<Used, Error> {
        let sql = "UPDATE auth_codes SET used_at = $2 WHERE hash = $1 AND used_at IS NULL";
        if self.execute(sql, args![hash, self.now]).await? == 1 {
            return Ok(Used::Now);
        }
        let sql = "SELECT grant_id FROM auth_codes WHERE hash = $1";
        let there = self.optional(sql, args![hash]).await?.is_some();
        Ok(if there { Used::Before } else { Used::Gone })
    }
}
