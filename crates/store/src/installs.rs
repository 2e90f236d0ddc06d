//! Other people's tools, installed here.

use tollgate_kernel::{Error, InstallId, InstallState, Suspension, Timestamp};

use crate::sql::{Record, Row, args, columns};
use crate::{EventKind, Reader, Tx};

/// Somebody else's tool. What its manifest said is the gate's to read.
#[derive(Clone)]
pub struct InstallRecord {
    /// Its id: its name is not unique.
    pub id: InstallId,
    /// The domain that the owner named.
    pub domain: String,
    /// Its name for people.
    pub name: String,
    /// How its calls are authenticated.
    pub auth: String,
    /// What was read of it, confirmed and pinned, as JSON.
    pub facts: String,
    /// How far it has come.
    pub state: InstallState,
    /// What it calls us; people may see it.
    pub client_id: Option<String>,
    /// The service token, or our secret there, sealed; the vault alone opens it.
    pub secret_sealed: Option<Vec<u8>>,
    /// The version that the secret is sealed for; it rises with each new one.
    pub secret_version: i64,
    /// What is to be published at the domain. It is no secret.
    pub verification_token: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is one that is not stored yet.
    pub version: i64,
}

macro_rules! install_columns {
    ($prefix:literal) => {
        columns!("i", $prefix; id, domain, name, auth, facts, state, state_at, state_why, client_id,
            secret_sealed, secret_version, verification_token, created_at, updated_at, version)
    };
}
pub(crate) use install_columns;

impl Record for InstallRecord {
    const TABLE: &'static str = "installs";

    fn read(row: &Row) -> Result<Self, Error> {
        let why = row.opt_text("state_why")?;
        Ok(Self {
            id: row.id("id")?,
            domain: row.text("domain")?,
            name: row.text("name")?,
            auth: row.text("auth")?,
            facts: row.text("facts")?,
            state: InstallState::read(&row.text("state")?, row.time("state_at")?, why.as_deref())?,
            client_id: row.opt_text("client_id")?,
            secret_sealed: row.opt_bytes("secret_sealed")?,
            secret_version: row.int("secret_version")?,
            verification_token: row.opt_text("verification_token")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One install.
    pub async fn install(&self, id: InstallId) -> Result<Option<InstallRecord>, Error> {
        let sql = concat!("SELECT ", install_columns!(""), " FROM installs i WHERE i.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// All installs, the oldest first. An owner has few.
    pub async fn installs(&self) -> Result<Vec<InstallRecord>, Error> {
        let sql = concat!("SELECT ", install_columns!(""), " FROM installs i ORDER BY i.id");
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Stores an install whose version is 0, else changes the one with that version; then sign-ins
    /// at it that are under way are over. A conflict when it is not the version that was read.
    pub async fn put_install(&mut self, install: &InstallRecord) -> Result<(), Error> {
        let mut args = args![
            install.id,
            &install.domain,
            &install.name,
            &install.auth,
            &install.facts,
            install.state.as_str(),
            install.state.since(),
            install.state.suspension().map(Suspension::as_str),
            install.client_id.as_deref(),
            install.secret_sealed.as_deref(),
            install.secret_version,
            install.verification_token.as_deref(),
            self.now,
        ];
        self.announce(EventKind::Install, install.id.to_string());
        if install.version == 0 {
            let sql = "INSERT INTO installs (id, domain, name, auth, facts, state, state_at, \
                       state_why, client_id, secret_sealed, secret_version, verification_token, \
                       created_at, updated_at, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, 1)";
            return self.execute(sql, args).await.map(drop);
        }
        let sql = "UPDATE installs SET domain = $2, name = $3, auth = $4, facts = $5, state = $6, \
                   state_at = $7, state_why = $8, client_id = $9, secret_sealed = $10, \
                   secret_version = $11, verification_token = $12, updated_at = $13, \
                   version = version + 1 WHERE id = $1 AND version = $14";
        args.extend(args![install.version]);
        self.change_one(sql, args).await?;
        let over = "DELETE FROM connection_flows WHERE connection_id IN \
                    (SELECT id FROM connections WHERE install_id = $1)";
        self.execute(over, args![install.id]).await.map(drop)
    }

    /// Removes an install with all that people connected to it.
    pub async fn delete_install(&mut self, id: InstallId) -> Result<(), Error> {
        self.announce(EventKind::Install, id.to_string());
        self.change_named("DELETE FROM installs WHERE id = $1", args![id]).await
    }
}
