//! API keys and their secrets. Only hashes come here: a key in clear exists in memory alone.

use tollgate_kernel::{
    Budget, ClientId, Error, KeyId, Kind, ModelPattern, Rates, Slug, Timestamp, UserId,
};

use crate::clients::client_columns;
use crate::page::page_of;
use crate::sql::{Record, Row, args, columns};
use crate::users::user_columns;
use crate::value::json;
use crate::{ClientRecord, EventKind, Owner, Page, PageRequest, Reader, Tx, UserRecord};

/// Whom a key speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyHolder {
    /// A person.
    User(UserId),
    /// An app.
    App(ClientId),
    /// A service with an admin's rights.
    Admin,
    /// A service that calls one tool: the key is a service token of that tool, and its name is the
    /// service's.
    Service,
}

impl KeyHolder {
    /// The kind's name in the store: `user`, `app`, `admin`, `tool`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::App(_) => "app",
            Self::Admin => "admin",
            Self::Service => "tool",
        }
    }

    /// The person, if it is one.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            _ => None,
        }
    }

    /// The app, if it is one.
    pub const fn app(self) -> Option<ClientId> {
        match self {
            Self::App(id) => Some(id),
            _ => None,
        }
    }
}

/// Whether a key was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It was not.
    Active,
    /// It was, then.
    Revoked(Timestamp),
}

/// A key, without any secret.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// Its id; rotation does not change it.
    pub id: KeyId,
    /// What its maker called it.
    pub name: String,
    /// Whom it speaks for.
    pub holder: KeyHolder,
    /// The subject that made it.
    pub created_by: String,
    /// The one tool that it opens, and then nothing else; `None` is a key for everything else.
    pub tool: Option<Slug>,
    /// The models that it may call; `None` is no restriction of its own.
    pub models: Option<Vec<ModelPattern>>,
    /// The networks it may come from, in CIDR form; `None` is everywhere.
    pub networks: Option<Vec<String>>,
    /// Its own rates.
    pub rates: Rates,
    /// Its own budgets.
    pub budgets: Vec<Budget>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether it was ended.
    pub state: KeyState,
    /// The last characters of its newest secret.
    pub tail: String,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// From where.
    pub last_used_from: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes; a change names the version it was made from.
    pub version: i64,
}

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub id: KeyId,
    /// What its maker calls it.
    pub name: String,
    /// Whom it speaks for.
    pub holder: KeyHolder,
    /// The one tool that it opens, and then nothing else. A service has one.
    pub tool: Option<Slug>,
    /// The models that it may call.
    pub models: Option<Vec<ModelPattern>>,
    /// The networks it may come from.
    pub networks: Option<Vec<String>>,
    /// Its own rates.
    pub rates: Rates,
    /// Its own budgets.
    pub budgets: Vec<Budget>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A secret of a key: what is kept of it.
#[derive(Clone)]
pub struct NewSecret {
    /// The keyed hash of the whole credential.
    pub hash: [u8; 32],
    /// Its last characters.
    pub tail: String,
}

/// Which keys are listed; what is none is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyFilter {
    /// Keys of this app.
    pub client: Option<ClientId>,
    /// Only keys that were not revoked.
    pub active: bool,
}

/// All that a presented key leads to.
#[derive(Clone, Debug)]
pub struct KeyCredential {
    /// The key.
    pub key: KeyRecord,
    /// When this secret of it ends; set when the key was rotated.
    pub secret_expires_at: Option<Timestamp>,
    /// The person or app it speaks for.
    pub holder: HolderRecord,
}

/// The row of whom a key speaks for.
#[derive(Clone, Debug)]
pub enum HolderRecord {
    /// A person.
    User(UserRecord),
    /// An app.
    App(ClientRecord),
    /// Nobody: a service key.
    Admin,
    /// Nobody: a service token of a tool.
    Service,
}

macro_rules! key_columns {
    () => {
        columns!("k", ""; id, name, kind, user_id, client_id, created_by, tool_id, models, networks,
            rates, budgets, expires_at, state, tail, last_used_at, last_used_from, created_at,
            revoked_at, version)
    };
}
pub(crate) use key_columns;

impl Record for KeyRecord {
    const TABLE: &'static str = "keys";

    fn read(row: &Row) -> Result<Self, Error> {
        let tool: Option<Slug> = row.opt_id("tool_id")?;
        let (user, client) = (row.opt_id("user_id")?, row.opt_id("client_id")?);
        let holder = match (&*row.text("kind")?, user, client, &tool) {
            ("user", Some(user), None, _) => KeyHolder::User(user),
            ("app", None, Some(client), None) => KeyHolder::App(client),
            ("admin", None, None, None) => KeyHolder::Admin,
            ("tool", None, None, Some(_)) => KeyHolder::Service,
            _ => return Err(row.wrong("kind", "does not fit to the holder")),
        };
        let state = match (&*row.text("state")?, row.opt_time("revoked_at")?) {
            ("active", None) => KeyState::Active,
            ("revoked", Some(at)) => KeyState::Revoked(at),
            _ => return Err(row.wrong("state", "is unknown")),
        };
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            holder,
            created_by: row.text("created_by")?,
            tool,
            models: row.opt_json("models")?,
            networks: row.opt_json("networks")?,
            rates: row.json("rates")?,
            budgets: row.json("budgets")?,
            expires_at: row.opt_time("expires_at")?,
            state,
            tail: row.text("tail")?,
            last_used_at: row.opt_time("last_used_at")?,
            last_used_from: row.opt_text("last_used_from")?,
            created_at: row.time("created_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// What the secret with this hash belongs to, whatever its state: the caller compares states
    /// and times. One look-up, for the first call of a key.
    pub async fn credential_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<KeyCredential>, Error> {
        let sql = concat!(
            "SELECT s.expires_at AS secret_expires_at, ",
            key_columns!(),
            ", ",
            user_columns!("u", "u_"),
            ", ",
            client_columns!("c", "c_"),
            " FROM key_secrets s JOIN keys k ON k.id = s.key_id LEFT JOIN users u \
             ON u.id = k.user_id LEFT JOIN clients c ON c.id = k.client_id WHERE s.hash = $1"
        );
        let Some(row) = self.db.optional(sql, args![hash]).await? else { return Ok(None) };
        let key: KeyRecord = row.record()?;
        let holder = match key.holder {
            KeyHolder::User(_) => HolderRecord::User(UserRecord::read(&row.part("users", "u_"))?),
            KeyHolder::App(_) => HolderRecord::App(ClientRecord::read(&row.part("clients", "c_"))?),
            KeyHolder::Admin => HolderRecord::Admin,
            KeyHolder::Service => HolderRecord::Service,
        };
        Ok(Some(KeyCredential {
            key,
            secret_expires_at: row.opt_time("secret_expires_at")?,
            holder,
        }))
    }

    /// When the last of the secrets ends that the key had before `time`; the inner `None` is never,
    /// the outer where there is none any more.
    pub async fn secrets_end(
        &self,
        key: KeyId,
        time: Timestamp,
    ) -> Result<Option<Option<Timestamp>>, Error> {
        let sql = "SELECT COUNT(*) AS has, COUNT(expires_at) AS ending, MAX(expires_at) AS ends \
                   FROM key_secrets WHERE key_id = $1 AND made_at < $2";
        let Some(row) = self.db.optional(sql, args![key, time]).await? else { return Ok(None) };
        let (has, ending) = (row.int("has")?, row.int("ending")?);
        let ends = if has > ending { None } else { row.opt_time("ends")? };
        Ok((has > 0).then_some(ends))
    }

    /// One key, if `owner` may know of it: their own alone, not those of apps or services.
    pub async fn key(&self, owner: Owner, id: KeyId) -> Result<Option<KeyRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            key_columns!(),
            " FROM keys k WHERE k.id = $1 AND ($2 IS NULL OR k.user_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// The keys that `owner` may know of, oldest first. Service tokens of tools are not among them:
    /// [`Reader::service_keys`].
    pub async fn keys(
        &self,
        owner: Owner,
        filter: &KeyFilter,
        request: &PageRequest,
    ) -> Result<Page<KeyRecord>, Error> {
        // Three texts, so that each list walks along an index and not over everybody's keys.
        const ALL: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM keys k WHERE k.id > $1 AND ($2 = 0 OR k.state = 'active') \
             AND k.kind <> 'tool' ORDER BY k.id LIMIT $3"
        );
        const OF_USER: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM keys k WHERE k.id > $1 AND ($2 = 0 OR k.state = 'active') AND k.user_id = $4 \
             AND ($5 IS NULL OR k.client_id = $5) ORDER BY k.id LIMIT $3"
        );
        const OF_CLIENT: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM keys k WHERE k.id > $1 AND ($2 = 0 OR k.state = 'active') AND k.client_id = $4 \
             ORDER BY k.id LIMIT $3"
        );
        let mut args = args![request.after(), filter.active, request.fetched()];
        let sql = match (owner, filter.client) {
            (Owner::All, None) => ALL,
            (Owner::All, Some(client)) => {
                args.extend(args![client]);
                OF_CLIENT
            }
            (Owner::User(user), client) => {
                args.extend(args![user, client]);
                OF_USER
            }
        };
        page_of(&self.db.all(sql, args).await?, request, |key: &KeyRecord| key.id.to_string())
    }
}

impl Tx {
    /// Makes a key with its first secret. It says who made it: the actor.
    pub async fn insert_key(&mut self, key: NewKey, secret: NewSecret) -> Result<KeyRecord, Error> {
        let NewKey { id, name, holder, tool, models, networks, rates, budgets, expires_at } = key;
        let record = KeyRecord {
            id,
            name,
            holder,
            created_by: self.actor.subject.clone(),
            tool,
            models,
            networks,
            rates,
            budgets,
            expires_at,
            state: KeyState::Active,
            tail: secret.tail.clone(),
            last_used_at: None,
            last_used_from: None,
            created_at: self.now,
            version: 1,
        };
        let sql = "INSERT INTO keys (id, name, kind, user_id, client_id, created_by, models, \
                   networks, rates, budgets, expires_at, state, tail, created_at, version, \
                   tool_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, \
                   $13, 1, $14)";
        let args = args![
            record.id,
            &record.name,
            holder.kind(),
            holder.user(),
            holder.app(),
            &record.created_by,
            record.models.as_ref().map(json).transpose()?,
            record.networks.as_ref().map(json).transpose()?,
            json(&record.rates)?,
            json(&record.budgets)?,
            record.expires_at,
            &record.tail,
            record.created_at,
            record.tool.as_ref(),
        ];
        self.execute(sql, args).await?;
        self.insert_secret(id, secret).await?;
        Ok(record)
    }

    /// How many keys of `holder` work: neither revoked nor ended. What this transaction made counts
    /// too; it is not counted further than one beyond `most`.
    pub async fn live_keys(&mut self, holder: KeyHolder, most: u32) -> Result<u32, Error> {
        // A text for each, so that each walks along an index.
        const OF_USER: &str = "SELECT COUNT(*) AS live FROM (SELECT id FROM keys \
            WHERE user_id = $3 AND state = 'active' AND (expires_at IS NULL OR expires_at > $1) \
            LIMIT $2) AS found";
        const OF_CLIENT: &str = "SELECT COUNT(*) AS live FROM (SELECT id FROM keys \
            WHERE client_id = $3 AND state = 'active' AND (expires_at IS NULL OR expires_at > $1) \
            LIMIT $2) AS found";
        const OF_ADMIN: &str = "SELECT COUNT(*) AS live FROM (SELECT id FROM keys \
            WHERE kind = 'admin' AND state = 'active' AND (expires_at IS NULL OR expires_at > $1) \
            LIMIT $2) AS found";
        const OF_SERVICES: &str = "SELECT COUNT(*) AS live FROM (SELECT id FROM keys \
            WHERE kind = 'tool' AND state = 'active' AND (expires_at IS NULL OR expires_at > $1) \
            LIMIT $2) AS found";
        let mut args = args![self.now, i64::from(most) + 1];
        let sql = match holder {
            KeyHolder::User(user) => {
                args.extend(args![user]);
                OF_USER
            }
            KeyHolder::App(client) => {
                args.extend(args![client]);
                OF_CLIENT
            }
            KeyHolder::Admin => OF_ADMIN,
            KeyHolder::Service => OF_SERVICES,
        };
        let row = self.optional(sql, args).await?;
        let row = row.ok_or_else(|| Error::internal("a count without an answer"))?;
        u32::try_from(row.int("live")?).map_err(Error::internal)
    }

    /// Writes what can be changed of a key: name, models, networks, rates, budgets, expiry. What
    /// was made with it is bounded by that too, and hears of it by this key's event. A conflict
    /// when it is revoked or not the version that was read.
    pub async fn update_key(&mut self, key: &KeyRecord) -> Result<(), Error> {
        let sql = "UPDATE keys SET name = $3, models = $4, networks = $5, rates = $6, \
                   budgets = $7, expires_at = $8, version = version + 1 \
                   WHERE id = $1 AND version = $2 AND state = 'active'";
        let args = args![
            key.id,
            key.version,
            &key.name,
            key.models.as_ref().map(json).transpose()?,
            key.networks.as_ref().map(json).transpose()?,
            json(&key.rates)?,
            json(&key.budgets)?,
            key.expires_at,
        ];
        self.change_one(sql, args).await?;
        self.announce(EventKind::Key, key.id.to_string());
        Ok(())
    }

    /// Ends the secrets that the key has now at `at`, or earlier where that was said before. The
    /// first half of a rotation; [`Tx::add_key_secret`] is the other.
    pub async fn expire_key_secrets(&mut self, key: KeyId, at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE key_secrets SET expires_at = $2 WHERE key_id = $1 \
                   AND (expires_at IS NULL OR expires_at > $2)";
        self.execute(sql, args![key, at]).await?;
        self.announce(EventKind::Key, key.to_string());
        Ok(())
    }

    /// Gives an active key another secret; those before go on as they were. A conflict when it was
    /// revoked, or is not the version that was read: whoever rotates by a secret that somebody else
    /// replaces at the same moment must not win.
    pub async fn add_key_secret(
        &mut self,
        key: KeyId,
        version: i64,
        secret: NewSecret,
    ) -> Result<(), Error> {
        let sql = "UPDATE keys SET tail = $3, version = version + 1 \
                   WHERE id = $1 AND version = $2 AND state = 'active'";
        if self.execute(sql, args![key, version, &secret.tail]).await? != 1 {
            let detail = "The key was changed or revoked meanwhile. Read it again.";
            return Err(Error::new(Kind::Conflict, detail));
        }
        self.announce(EventKind::Key, key.to_string());
        self.insert_secret(key, secret).await
    }

    async fn insert_secret(&mut self, key: KeyId, secret: NewSecret) -> Result<(), Error> {
        let sql = "INSERT INTO key_secrets (hash, key_id, tail, made_at) VALUES ($1, $2, $3, $4)";
        self.execute(sql, args![secret.hash, key, secret.tail, self.now]).await.map(drop)
    }

    /// Ends an active key, if `owner` may know of it, and all that was made with it.
    pub async fn revoke_key(&mut self, owner: Owner, id: KeyId) -> Result<(), Error> {
        let sql = "UPDATE keys SET state = 'revoked', revoked_at = $3, version = version + 1 \
                   WHERE id = $1 AND state = 'active' AND ($2 IS NULL OR user_id = $2)";
        self.change_named(sql, args![id, owner.value(), self.now]).await?;
        self.announce(EventKind::Key, id.to_string());
        self.revoke_offspring(id).await
    }
}
