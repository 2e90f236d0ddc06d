//! People's connections to installed tools, and sign-ins there that are under way.

use tollgate_kernel::{ConnectionId, ConnectionState, Error, InstallId, Timestamp, UserId};

use crate::installs::install_columns;
use crate::sql::{Record, Row, args, columns};
use crate::{EventKind, InstallRecord, Owner, Reader, Tx, Writer};

/// A person's link to an installed tool.
#[derive(Clone)]
pub struct ConnectionRecord {
    /// Its id.
    pub id: ConnectionId,
    /// The tool.
    pub install: InstallId,
    /// Whose it is.
    pub user: UserId,
    /// Whether it serves.
    pub state: ConnectionState,
    /// The person's token, sealed; the vault alone opens it.
    pub access_sealed: Option<Vec<u8>>,
    /// What new tokens are had for, sealed.
    pub refresh_sealed: Option<Vec<u8>>,
    /// The version that both are sealed for; it rises with each new pair.
    pub secret_version: i64,
    /// When the token ends, where that is known.
    pub expires_at: Option<Timestamp>,
    /// Whom it is for, as the gate says it: it goes nowhere else.
    pub issuer: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is one that is not stored yet.
    pub version: i64,
}

macro_rules! connection_columns {
    () => {
        columns!("c", ""; id, install_id, user_id, state, access_sealed, refresh_sealed,
            secret_version, expires_at, issuer, created_at, updated_at, version)
    };
}

impl Record for ConnectionRecord {
    const TABLE: &'static str = "connections";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            install: row.id("install_id")?,
            user: row.id("user_id")?,
            state: row.id("state")?,
            access_sealed: row.opt_bytes("access_sealed")?,
            refresh_sealed: row.opt_bytes("refresh_sealed")?,
            secret_version: row.int("secret_version")?,
            expires_at: row.opt_time("expires_at")?,
            issuer: row.opt_text("issuer")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

/// A sign-in at a tool that is to begin. No `Debug`: its sealed part is nobody's business.
pub struct NewFlow {
    /// The keyed hash of `state`.
    pub state: [u8; 32],
    /// The keyed hash of what the browser has to hold when it comes back.
    pub browser: [u8; 32],
    /// The connection that it is for.
    pub connection: ConnectionId,
    /// The install's version: what the browser was sent with.
    pub install_version: i64,
    /// The verifier of PKCE, sealed.
    pub verifier_sealed: Vec<u8>,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// A sign-in at a tool whose browser came back: it is used up.
pub struct FlowRecord {
    /// The keyed hash of `state`.
    pub state: [u8; 32],
    /// The keyed hash of what the browser has to hold.
    pub browser: [u8; 32],
    /// The connection that it is for.
    pub connection: ConnectionId,
    /// The install's version when the browser was sent there.
    pub install_version: i64,
    /// The verifier of PKCE, sealed.
    pub verifier_sealed: Vec<u8>,
    /// When it is over.
    pub expires_at: Timestamp,
}

impl Record for FlowRecord {
    const TABLE: &'static str = "connection_flows";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            state: row.hash("state")?,
            browser: row.hash("browser")?,
            connection: row.id("connection_id")?,
            install_version: row.int("install_version")?,
            verifier_sealed: row.bytes("verifier_sealed")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

impl Reader {
    /// One connection, if it is `owner`'s.
    pub async fn connection(
        &self,
        owner: Owner,
        id: ConnectionId,
    ) -> Result<Option<ConnectionRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            connection_columns!(),
            " FROM connections c WHERE c.id = $1 AND ($2 IS NULL OR c.user_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// One connection with its tool, if it is `owner`'s.
    pub async fn connected(
        &self,
        owner: Owner,
        id: ConnectionId,
    ) -> Result<Option<(ConnectionRecord, InstallRecord)>, Error> {
        let sql = concat!(
            "SELECT ",
            connection_columns!(),
            ", ",
            install_columns!("i_"),
            " FROM connections c JOIN installs i ON i.id = c.install_id \
             WHERE c.id = $1 AND ($2 IS NULL OR c.user_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| Ok((row.record()?, InstallRecord::read(&row.part("installs", "i_"))?)))
            .transpose()
    }

    /// All connections of `owner`, the oldest first; of one tool if that is said.
    pub async fn connections(
        &self,
        owner: Owner,
        install: Option<InstallId>,
    ) -> Result<Vec<ConnectionRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            connection_columns!(),
            " FROM connections c WHERE ($1 IS NULL OR c.user_id = $1) \
             AND ($2 IS NULL OR c.install_id = $2) ORDER BY c.id"
        );
        let args = args![owner.value(), install];
        self.db.all(sql, args).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Stores a connection whose version is 0, else changes the one with that version. A conflict
    /// when the person has one to this tool, or it is not the version that was read.
    pub async fn put_connection(&mut self, connection: &ConnectionRecord) -> Result<(), Error> {
        let mut args = args![
            connection.id,
            connection.install,
            connection.user,
            connection.state.as_str(),
            connection.access_sealed.as_deref(),
            connection.refresh_sealed.as_deref(),
            connection.secret_version,
            connection.expires_at,
            connection.issuer.as_deref(),
            self.now,
        ];
        self.announce(EventKind::Connection, connection.id.to_string());
        if connection.version == 0 {
            let sql = "INSERT INTO connections (id, install_id, user_id, state, access_sealed, \
                       refresh_sealed, secret_version, expires_at, issuer, created_at, \
                       updated_at, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 1)";
            return self.execute(sql, args).await.map(drop);
        }
        let sql = "UPDATE connections SET state = $4, access_sealed = $5, refresh_sealed = $6, \
                   secret_version = $7, expires_at = $8, issuer = $9, updated_at = $10, \
                   version = version + 1 \
                   WHERE id = $1 AND install_id = $2 AND user_id = $3 AND version = $11";
        args.extend(args![connection.version]);
        self.change_one(sql, args).await
    }

    /// Removes a connection, if it is `owner`'s, and with it the credential.
    pub async fn delete_connection(&mut self, owner: Owner, id: ConnectionId) -> Result<(), Error> {
        self.announce(EventKind::Connection, id.to_string());
        let sql = "DELETE FROM connections WHERE id = $1 AND ($2 IS NULL OR user_id = $2)";
        self.change_named(sql, args![id, owner.value()]).await
    }

    /// Nothing of `install`'s people is used before they signed in anew: what they had was given by
    /// another issuer, or for another address.
    pub async fn disconnect_all(&mut self, install: InstallId) -> Result<u64, Error> {
        let sql = "UPDATE connections SET state = 'needs_reauth', access_sealed = NULL, \
                   refresh_sealed = NULL, expires_at = NULL, issuer = NULL, updated_at = $2, \
                   secret_version = secret_version + 1, version = version + 1 \
                   WHERE install_id = $1";
        self.announce(EventKind::Install, install.to_string());
        self.execute(sql, args![install, self.now]).await
    }
}

impl Writer {
    /// Notes that a browser is sent to a tool. One that the same browser began for the same
    /// connection is over.
    pub async fn insert_flow(&self, new: &NewFlow) -> Result<(), Error> {
        let over = "DELETE FROM connection_flows WHERE browser = $1 AND connection_id = $2";
        let sql = "INSERT INTO connection_flows (state, browser, connection_id, install_version, \
                   verifier_sealed, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let args = args![
            new.state,
            new.browser,
            new.connection,
            new.install_version,
            &new.verifier_sealed,
            new.expires_at,
        ];
        let mut transaction = self.begin_upkeep().await?;
        transaction.execute(over, args![new.browser, new.connection]).await?;
        transaction.execute(sql, args).await?;
        transaction.commit().await
    }

    /// The sign-in with this state, used up by being asked for: of any number at once one gets it.
    /// Whether it is over, and whether it is this browser's, is the caller's to see.
    pub async fn take_flow(&self, state: &[u8; 32]) -> Result<Option<FlowRecord>, Error> {
        let sql = "DELETE FROM connection_flows WHERE state = $1 \
                   RETURNING state, browser, connection_id, install_version, verifier_sealed, \
                   expires_at";
        let mut transaction = self.begin_upkeep().await?;
        let row = transaction.optional(sql, args![state]).await?;
        transaction.commit().await?;
        row.map(|row| row.record()).transpose()
    }

    /// The sign-in at `install` that the browser began, for a tool that sends no state back. Used
    /// up; none where there were several.
    pub async fn take_flow_of(
        &self,
        browser: &[u8; 32],
        install: InstallId,
    ) -> Result<Option<FlowRecord>, Error> {
        let sql = "DELETE FROM connection_flows WHERE browser = $1 AND connection_id IN \
                   (SELECT id FROM connections WHERE install_id = $2) \
                   RETURNING state, browser, connection_id, install_version, verifier_sealed, \
                   expires_at";
        let mut transaction = self.begin_upkeep().await?;
        let mut rows = transaction.all(sql, args![browser, install]).await?;
        transaction.commit().await?;
        let only = if rows.len() == 1 { rows.pop() } else { None };
        only.map(|row| row.record()).transpose()
    }
}
