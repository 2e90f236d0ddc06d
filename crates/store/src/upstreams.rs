//! Model providers.

use std::collections::BTreeMap;

use tollgate_kernel::{Error, Slug, Timestamp};

use crate::sql::{Record, Row, args, columns};
use crate::value::json;
use crate::{EventKind, Reader, Tx};

/// A model provider.
#[derive(Clone)]
pub struct UpstreamRecord {
    /// Its name.
    pub id: Slug,
    /// The address that the routes of the wire are appended to.
    pub base_url: String,
    /// The header that carries the key, where it is not `authorization`.
    pub header: Option<String>,
    /// The key, sealed; the vault alone opens it.
    pub api_key_sealed: Option<Vec<u8>>,
    /// Its own time-outs, by name, with the unit in the name.
    pub timeouts: BTreeMap<String, u64>,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is an upstream that is not stored yet.
    pub version: i64,
}

impl UpstreamRecord {
    /// An upstream that is to be stored, without a key.
    pub fn new(id: Slug, base_url: String) -> Self {
        let never = Timestamp::default();
        Self {
            id,
            base_url,
            header: None,
            api_key_sealed: None,
            timeouts: BTreeMap::new(),
            declared: false,
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }
}

macro_rules! upstream_columns {
    () => {
        columns!("u", ""; id, base_url, header, api_key_sealed, timeouts, declared, created_at,
            updated_at, version)
    };
}

impl Record for UpstreamRecord {
    const TABLE: &'static str = "upstreams";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            base_url: row.text("base_url")?,
            header: row.opt_text("header")?,
            api_key_sealed: row.opt_bytes("api_key_sealed")?,
            timeouts: row.json("timeouts")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One upstream.
    pub async fn upstream(&self, id: &Slug) -> Result<Option<UpstreamRecord>, Error> {
        let sql = concat!("SELECT ", upstream_columns!(), " FROM upstreams u WHERE u.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// All upstreams by name. An owner has few, and the gate keeps them all.
    pub async fn upstreams(&self) -> Result<Vec<UpstreamRecord>, Error> {
        let sql = concat!("SELECT ", upstream_columns!(), " FROM upstreams u ORDER BY u.id");
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Makes an upstream whose version is 0, else changes the one with that version. A conflict
    /// when the name is taken, or it is not the version that was read.
    pub async fn put_upstream(&mut self, upstream: &UpstreamRecord) -> Result<(), Error> {
        let mut args = args![
            &upstream.id,
            &upstream.base_url,
            upstream.header.as_deref(),
            upstream.api_key_sealed.as_deref(),
            json(&upstream.timeouts)?,
            upstream.declared,
            self.now,
        ];
        if upstream.version == 0 {
            let sql = "INSERT INTO upstreams (id, base_url, header, api_key_sealed, timeouts, \
                       declared, created_at, updated_at, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)";
            self.execute(sql, args).await?;
        } else {
            let sql = "UPDATE upstreams SET base_url = $2, header = $3, api_key_sealed = $4, \
                       timeouts = $5, declared = $6, updated_at = $7, version = version + 1 \
                       WHERE id = $1 AND version = $8";
            args.extend(args![upstream.version]);
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Upstream, upstream.id.as_str());
        Ok(())
    }

    /// Removes an upstream. A conflict while a model alias leads to it.
    pub async fn delete_upstream(&mut self, id: &Slug) -> Result<(), Error> {
        self.change_named("DELETE FROM upstreams WHERE id = $1", args![id]).await?;
        self.announce(EventKind::Upstream, id.as_str());
        Ok(())
    }
}
