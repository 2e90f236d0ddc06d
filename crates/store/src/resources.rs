//! Resources: addresses that access tokens are made for (RFC 8707), beside our own doors.

use tollgate_kernel::{Error, Timestamp};

use crate::page::page_of;
use crate::sql::{Record, Row, args, columns};
use crate::value::json;
use crate::{EventKind, Page, PageRequest, Reader, Tx};

/// A protected resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRecord {
    /// Its address, which is the audience of its tokens.
    pub uri: String,
    /// Other spellings of it that clients send.
    pub aliases: Vec<String>,
    /// The scopes that it knows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is one that is not stored yet.
    pub version: i64,
}

impl ResourceRecord {
    /// A resource that is to be stored.
    pub fn new(uri: String) -> Self {
        let never = Timestamp::default();
        let (aliases, scopes) = (Vec::new(), Vec::new());
        Self { uri, aliases, scopes, created_at: never, updated_at: never, version: 0 }
    }
}

macro_rules! resource_columns {
    () => {
        columns!("r", ""; uri, aliases, scopes, created_at, updated_at, version)
    };
}

impl Record for ResourceRecord {
    const TABLE: &'static str = "resources";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            uri: row.text("uri")?,
            aliases: row.json("aliases")?,
            scopes: row.json("scopes")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// A resource by its address.
    pub async fn resource(&self, uri: &str) -> Result<Option<ResourceRecord>, Error> {
        const SQL: &str =
            concat!("SELECT ", resource_columns!(), " FROM resources r WHERE r.uri = $1");
        self.db.optional(SQL, args![uri]).await?.map(|row| row.record()).transpose()
    }

    /// The resources in the order of their addresses.
    pub async fn resources(&self, request: &PageRequest) -> Result<Page<ResourceRecord>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            resource_columns!(),
            " FROM resources r WHERE r.uri > $1 ORDER BY r.uri LIMIT $2"
        );
        let rows = self.db.all(SQL, args![request.after(), request.fetched()]).await?;
        page_of(&rows, request, |resource: &ResourceRecord| resource.uri.clone())
    }
}

impl Tx {
    /// Makes a resource whose version is 0, else changes the one with that version.
    pub async fn put_resource(&mut self, resource: &ResourceRecord) -> Result<(), Error> {
        let (aliases, scopes) = (json(&resource.aliases)?, json(&resource.scopes)?);
        let mut args = args![&resource.uri, aliases, scopes, self.now];
        if resource.version == 0 {
            let sql = "INSERT INTO resources (uri, aliases, scopes, created_at, updated_at, \
                       version) VALUES ($1, $2, $3, $4, $4, 1)";
            self.execute(sql, args).await?;
        } else {
            let sql = "UPDATE resources SET aliases = $2, scopes = $3, updated_at = $4, \
                       version = version + 1 WHERE uri = $1 AND version = $5";
            args.extend(args![resource.version]);
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Resource, resource.uri.as_str());
        Ok(())
    }

    /// Removes a resource. Tokens that were made for it end by themselves.
    pub async fn delete_resource(&mut self, uri: &str) -> Result<(), Error> {
        self.change_named("DELETE FROM resources WHERE uri = $1", args![uri]).await?;
        self.announce(EventKind::Resource, uri);
        Ok(())
    }
}
