//! Registered apps.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{ClientId, Error, Slug, Timestamp, UserId};

use crate::oauth_members::OAuthMembers;
use crate::page::page_of;
use crate::sql::{Record, Row, args};
use crate::value::json;
use crate::{AccountState, EventKind, Owner, Page, PageRequest, Reader, Tx};

/// Whether an app can keep a secret (RFC 6749, 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// It cannot: it runs in a browser or on a person's machine.
    Public,
    /// It can: it runs on a server.
    Confidential,
}

impl ClientKind {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Confidential => "confidential",
        }
    }
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "public" => Ok(Self::Public),
            "confidential" => Ok(Self::Confidential),
            _ => Err(Error::invalid("a type is one of public, confidential").with_param("type")),
        }
    }
}

/// An app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRecord {
    /// Its id.
    pub id: ClientId,
    /// Its name in the configuration file, if it was ever declared there.
    pub slug: Option<Slug>,
    /// Its name for people.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// Its plan, when it acts for itself.
    pub plan: Option<Slug>,
    /// The person who manages it.
    pub owner: Option<UserId>,
    /// How it signs people in, and gets tokens.
    pub oauth: OAuthMembers,
    /// Whether it has a secret.
    pub has_secret: bool,
    /// Whether it may be used.
    pub state: AccountState,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is an app that is not stored yet.
    pub version: i64,
}

impl ClientRecord {
    /// An app that is to be stored, without a plan or an owner.
    pub fn new(id: ClientId, name: String, kind: ClientKind) -> Self {
        let never = Timestamp::default();
        Self {
            id,
            slug: None,
            name,
            kind,
            plan: None,
            owner: None,
            oauth: OAuthMembers::default(),
            has_secret: false,
            state: AccountState::Active,
            declared: false,
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }

    /// What it is called as a client of the authorization server: its name in the configuration
    /// file, or else its id.
    pub fn client_id(&self) -> String {
        self.slug.as_ref().map_or_else(|| self.id.to_string(), Slug::to_string)
    }
}

macro_rules! client_columns {
    ($table:literal, $prefix:literal) => {
        $crate::sql::columns!($table, $prefix; id, name, kind, plan_id, owner_id, oauth,
            secret_hash, state, declared, created_at, updated_at, version, slug)
    };
}
pub(crate) use client_columns;

impl Record for ClientRecord {
    const TABLE: &'static str = "clients";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            slug: row.opt_id("slug")?,
            name: row.text("name")?,
            kind: row.id("kind")?,
            plan: row.opt_id("plan_id")?,
            owner: row.opt_id("owner_id")?,
            oauth: OAuthMembers::read(row)?,
            has_secret: row.opt_bytes("secret_hash")?.is_some(),
            state: row.id("state")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One app, if `owner` may know of it.
    pub async fn client(&self, owner: Owner, id: ClientId) -> Result<Option<ClientRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            client_columns!("c", ""),
            " FROM clients c WHERE c.id = $1 AND ($2 IS NULL OR c.owner_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// The app that is called so as a client: by its id, or by its name in the configuration file.
    pub async fn client_called(&self, client_id: &str) -> Result<Option<ClientRecord>, Error> {
        if let Ok(id) = client_id.parse::<ClientId>() {
            return self.client(Owner::All, id).await;
        }
        let sql = concat!("SELECT ", client_columns!("c", ""), " FROM clients c WHERE c.slug = $1");
        let row = self.db.optional(sql, args![client_id]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// The keyed hash of an app's secret, if it has one.
    pub async fn client_secret(&self, id: ClientId) -> Result<Option<[u8; 32]>, Error> {
        let sql = "SELECT secret_hash FROM clients WHERE id = $1 AND secret_hash IS NOT NULL";
        let row = self.db.optional(sql, args![id]).await?;
        row.map(|row| row.part("clients", "").hash("secret_hash")).transpose()
    }

    /// The apps that `owner` may know of, oldest first.
    pub async fn clients(
        &self,
        owner: Owner,
        request: &PageRequest,
    ) -> Result<Page<ClientRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            client_columns!("c", ""),
            " FROM clients c WHERE c.id > $1 AND ($2 IS NULL OR c.owner_id = $2) \
             ORDER BY c.id LIMIT $3"
        );
        let args = args![request.after(), owner.value(), request.fetched()];
        let rows = self.db.all(sql, args).await?;
        page_of(&rows, request, |client: &ClientRecord| client.id.to_string())
    }
}

impl Tx {
    /// Makes an app whose version is 0, else changes the one with that version. A conflict when its
    /// plan or owner does not exist, or it is not the version that was read.
    pub async fn put_client(&mut self, client: &ClientRecord) -> Result<(), Error> {
        let mut args = args![
            client.id,
            &client.name,
            client.kind.as_str(),
            client.plan.as_ref(),
            client.owner,
            client.state.as_str(),
            client.declared,
            self.now,
            json(&client.oauth)?,
            client.slug.as_ref(),
        ];
        if client.version == 0 {
            let sql = "INSERT INTO clients (id, name, kind, plan_id, owner_id, state, declared, \
                       created_at, updated_at, oauth, slug, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, 1)";
            self.execute(sql, args).await?;
        } else {
            let sql = "UPDATE clients SET name = $2, kind = $3, plan_id = $4, owner_id = $5, \
                       state = $6, declared = $7, updated_at = $8, oauth = $9, \
                       slug = $10, version = version + 1 WHERE id = $1 AND version = $11";
            args.extend(args![client.version]);
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Client, client.id.to_string());
        Ok(())
    }

    /// Gives an app another secret, of which this is the keyed hash, or takes it away.
    pub async fn set_client_secret(
        &mut self,
        id: ClientId,
        hash: Option<&[u8; 32]>,
    ) -> Result<(), Error> {
        let sql = "UPDATE clients SET secret_hash = $2, updated_at = $3, version = version + 1 \
                   WHERE id = $1";
        self.change_named(sql, args![id, hash.map(|hash| &hash[..]), self.now]).await?;
        self.announce(EventKind::Client, id.to_string());
        Ok(())
    }

    /// Removes an app with its keys and all that people allowed it.
    pub async fn delete_client(&mut self, id: ClientId) -> Result<(), Error> {
        let keys = self.all("SELECT id FROM keys WHERE client_id = $1", args![id]).await?;
        for key in keys {
            self.announce(EventKind::Key, key.text("id")?);
        }
        self.change_named("DELETE FROM clients WHERE id = $1", args![id]).await?;
        self.announce(EventKind::Client, id.to_string());
        Ok(())
    }
}
