//! Sign-in providers.

use std::collections::BTreeMap;

use tollgate_kernel::{Error, ProviderKind, Slug, Timestamp};

use crate::sql::{Record, Row, args, columns};
use crate::value::json;
use crate::{Reader, Tx};

/// A sign-in provider, as its owner described it: what is left out comes from its kind.
#[derive(Clone)]
pub struct ProviderRecord {
    /// Its name in addresses.
    pub id: Slug,
    /// What it speaks.
    pub kind: ProviderKind,
    /// Its name for people.
    pub name: Option<String>,
    /// The issuer of its ID tokens.
    pub issuer: Option<String>,
    /// What it calls us.
    pub client_id: String,
    /// Our secret there, sealed; the vault alone opens it.
    pub client_secret_sealed: Option<Vec<u8>>,
    /// Whether the secret goes in the form; none is as its kind does.
    pub secret_in_form: Option<bool>,
    /// Its endpoints, by name.
    pub endpoints: BTreeMap<String, String>,
    /// What the members of UserInfo are called, by what they mean.
    pub fields: BTreeMap<String, String>,
    /// What is asked for.
    pub scopes: Option<Vec<String>>,
    /// Whether people may sign in with it.
    pub enabled: bool,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is a provider that is not stored yet.
    pub version: i64,
}

impl ProviderRecord {
    /// A provider that is to be stored, without a secret.
    pub fn new(id: Slug, kind: ProviderKind, client_id: String) -> Self {
        let never = Timestamp::default();
        Self {
            id,
            kind,
            name: None,
            issuer: None,
            client_id,
            client_secret_sealed: None,
            secret_in_form: None,
            endpoints: BTreeMap::new(),
            fields: BTreeMap::new(),
            scopes: None,
            enabled: true,
            declared: false,
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }

    /// Its name for people.
    pub fn title(&self) -> &str {
        self.name.as_deref().or(self.kind.preset().name).unwrap_or(self.id.as_str())
    }
}

macro_rules! provider_columns {
    () => {
        columns!("p", ""; id, kind, name, issuer, client_id, client_secret_sealed, secret_in_form,
            endpoints, fields, scopes, enabled, declared, created_at, updated_at, version)
    };
}

impl Record for ProviderRecord {
    const TABLE: &'static str = "providers";

    fn read(row: &Row) -> Result<Self, Error> {
        let secret_in_form = match row.opt_int("secret_in_form")? {
            Some(_) => Some(row.flag("secret_in_form")?),
            None => None,
        };
        Ok(Self {
            id: row.id("id")?,
            kind: row.id("kind")?,
            name: row.opt_text("name")?,
            issuer: row.opt_text("issuer")?,
            client_id: row.text("client_id")?,
            client_secret_sealed: row.opt_bytes("client_secret_sealed")?,
            secret_in_form,
            endpoints: row.json("endpoints")?,
            fields: row.json("fields")?,
            scopes: row.opt_json("scopes")?,
            enabled: row.flag("enabled")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One provider.
    pub async fn provider(&self, id: &Slug) -> Result<Option<ProviderRecord>, Error> {
        let sql = concat!("SELECT ", provider_columns!(), " FROM providers p WHERE p.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// All providers by name. An owner has few.
    pub async fn providers(&self) -> Result<Vec<ProviderRecord>, Error> {
        let sql = concat!("SELECT ", provider_columns!(), " FROM providers p ORDER BY p.id");
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Makes a provider whose version is 0, else changes the one with that version; then sign-ins
    /// that are under way with it are over. A conflict when the name is taken, or it is not the
    /// version that was read.
    pub async fn put_provider(&mut self, provider: &ProviderRecord) -> Result<(), Error> {
        let scopes = provider.scopes.as_ref().map(json).transpose()?;
        let mut args = args![
            &provider.id,
            provider.kind.as_str(),
            provider.name.as_deref(),
            provider.issuer.as_deref(),
            &provider.client_id,
            provider.client_secret_sealed.as_deref(),
            provider.secret_in_form,
            json(&provider.endpoints)?,
            json(&provider.fields)?,
            scopes,
            provider.enabled,
            provider.declared,
            self.now,
        ];
        if provider.version == 0 {
            let sql = "INSERT INTO providers (id, kind, name, issuer, client_id, \
                       client_secret_sealed, secret_in_form, endpoints, fields, scopes, enabled, \
                       declared, created_at, updated_at, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, 1)";
            return self.execute(sql, args).await.map(drop);
        }
        let sql = "UPDATE providers SET kind = $2, name = $3, issuer = $4, client_id = $5, \
                   client_secret_sealed = $6, secret_in_form = $7, endpoints = $8, fields = $9, \
                   scopes = $10, enabled = $11, declared = $12, updated_at = $13, \
                   version = version + 1 WHERE id = $1 AND version = $14";
        args.extend(args![provider.version]);
        self.change_one(sql, args).await?;
        let over = "DELETE FROM sign_ins WHERE provider_id = $1";
        self.execute(over, args![&provider.id]).await.map(drop)
    }

    /// Removes a provider, and the sign-ins that are under way with it. The identities of its
    /// people stay: were it to come back, they would be the same people.
    pub async fn delete_provider(&mut self, id: &Slug) -> Result<(), Error> {
        self.change_named("DELETE FROM providers WHERE id = $1", args![id]).await
    }

    /// Whether people may sign in with the provider as it was in this version.
    pub async fn is_provider_on(&mut self, id: &Slug, version: i64) -> Result<bool, Error> {
        let sql = "SELECT id FROM providers WHERE id = $1 AND version = $2 AND enabled = 1";
        Ok(self.optional(sql, args![id, version]).await?.is_some())
    }
}
