//! Model aliases: our names for models of upstreams.

use tollgate_kernel::{Budget, Error, Slug, Timestamp};

use crate::sql::{Record, Row, args, columns};
use crate::value::json;
use crate::{EventKind, Reader, Tx};

/// A model alias.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRecord {
    /// Our name.
    pub alias: Slug,
    /// The upstream that is called.
    pub upstream: Slug,
    /// The upstream's name for the model.
    pub model: String,
    /// Budgets that all callers of the alias share.
    pub budgets: Vec<Budget>,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is an alias that is not stored yet.
    pub version: i64,
}

impl ModelRecord {
    /// An alias that is to be stored, without budgets.
    pub fn new(alias: Slug, upstream: Slug, model: String) -> Self {
        let never = Timestamp::default();
        Self {
            alias,
            upstream,
            model,
            budgets: Vec::new(),
            declared: false,
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }
}

macro_rules! model_columns {
    () => {
        columns!("m", ""; alias, upstream_id, model, budgets, declared, created_at, updated_at,
            version)
    };
}

impl Record for ModelRecord {
    const TABLE: &'static str = "models";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            alias: row.id("alias")?,
            upstream: row.id("upstream_id")?,
            model: row.text("model")?,
            budgets: row.json("budgets")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One alias.
    pub async fn model(&self, alias: &Slug) -> Result<Option<ModelRecord>, Error> {
        let sql = concat!("SELECT ", model_columns!(), " FROM models m WHERE m.alias = $1");
        self.db.optional(sql, args![alias]).await?.map(|row| row.record()).transpose()
    }

    /// All aliases by name. An owner has few, and the gate keeps them all.
    pub async fn models(&self) -> Result<Vec<ModelRecord>, Error> {
        let sql = concat!("SELECT ", model_columns!(), " FROM models m ORDER BY m.alias");
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Makes an alias whose version is 0, else changes the one with that version. A conflict when
    /// the name is taken, the upstream does not exist, or it is not the version that was read.
    pub async fn put_model(&mut self, model: &ModelRecord) -> Result<(), Error> {
        let mut args = args![
            &model.alias,
            &model.upstream,
            &model.model,
            json(&model.budgets)?,
            model.declared,
            self.now,
        ];
        if model.version == 0 {
            let sql = "INSERT INTO models (alias, upstream_id, model, budgets, declared, \
                       created_at, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $6, 1)";
            self.execute(sql, args).await?;
        } else {
            let sql = "UPDATE models SET upstream_id = $2, model = $3, budgets = $4, \
                       declared = $5, updated_at = $6, version = version + 1 \
                       WHERE alias = $1 AND version = $7";
            args.extend(args![model.version]);
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Model, model.alias.as_str());
        Ok(())
    }

    /// Removes an alias.
    pub async fn delete_model(&mut self, alias: &Slug) -> Result<(), Error> {
        self.change_named("DELETE FROM models WHERE alias = $1", args![alias]).await?;
        self.announce(EventKind::Model, alias.as_str());
        Ok(())
    }
}
