//! Keys that sign our tokens.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{Error, Timestamp};

use crate::sql::{Record, Row, args};
use crate::{EventKind, Reader, Tx};

/// What a key may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It signs, and what it signed is accepted.
    Active,
    /// What it signed is accepted.
    Retired,
}

impl SigningKeyState {
    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for SigningKeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SigningKeyState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Self::Active),
            "retired" => Ok(Self::Retired),
            _ => Err(Error::invalid(format!("{text:?} is no state of a signing key"))),
        }
    }
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKeyRecord {
    /// Its id in the headers of tokens.
    pub kid: String,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// The public half, in the form that the vault chose.
    pub public: Vec<u8>,
    /// Its algorithm (RFC 7518, 3.1): `ES256` or `RS256`.
    pub alg: String,
    /// When it begins to sign; until then it is only published.
    pub starts_at: Timestamp,
    /// What it may still do.
    pub state: SigningKeyState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A signing key that is to be added.
#[derive(Clone)]
pub struct NewSigningKey {
    /// Its id in the headers of tokens.
    pub kid: String,
    /// Its algorithm: `ES256` or `RS256`.
    pub alg: &'static str,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// The public half, in the form that the vault chose.
    pub public: Vec<u8>,
    /// When it begins to sign.
    pub starts_at: Timestamp,
}

impl Record for SigningKeyRecord {
    const TABLE: &'static str = "signing_keys";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            kid: row.text("kid")?,
            sealed: row.bytes("sealed")?,
            public: row.bytes("public")?,
            alg: row.text("alg")?,
            starts_at: row.time("starts_at")?,
            state: row.id("state")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Reader {
    /// All keys, newest first.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Error> {
        let sql = "SELECT kid, sealed, public, alg, starts_at, state, created_at FROM signing_keys \
                   ORDER BY created_at DESC, kid";
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Adds an active key; those before stay as they are.
    pub async fn insert_signing_key(&mut self, key: &NewSigningKey) -> Result<(), Error> {
        let NewSigningKey { kid, alg, sealed, public, starts_at } = key;
        let sql = "INSERT INTO signing_keys (kid, alg, sealed, public, starts_at, state, \
                   created_at) VALUES ($1, $2, $3, $4, $5, 'active', $6)";
        let args = args![kid, *alg, sealed, public, *starts_at, self.now];
        self.execute(sql, args).await?;
        self.announce(EventKind::SigningKey, kid.as_str());
        Ok(())
    }

    /// Lets a key sign no more.
    pub async fn retire_signing_key(&mut self, kid: &str) -> Result<(), Error> {
        let sql = "UPDATE signing_keys SET state = 'retired' WHERE kid = $1 AND state = 'active'";
        self.change_named(sql, args![kid]).await?;
        self.announce(EventKind::SigningKey, kid);
        Ok(())
    }

    /// Removes a key: nothing that it signed is accepted any more.
    pub async fn delete_signing_key(&mut self, kid: &str) -> Result<(), Error> {
        self.change_named("DELETE FROM signing_keys WHERE kid = $1", args![kid]).await?;
        self.announce(EventKind::SigningKey, kid);
        Ok(())
    }
}
