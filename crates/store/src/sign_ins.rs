//! Sign-ins with a provider that are under way: a browser was sent there and is to come back. They
//! give nothing by themselves, so that their beginning is no act that the audit chain records.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{Error, Slug, Timestamp, UserId};

use crate::sql::{Record, Row, args, columns};
use crate::{Reader, Writer};

/// What a browser was sent to a provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInPurpose {
    /// To sign in, or to make an account.
    SignIn,
    /// To link the account there to the one that is signed in here.
    Link,
}

impl SignInPurpose {
    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Link => "link",
        }
    }
}

impl fmt::Display for SignInPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SignInPurpose {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "sign_in" => Ok(Self::SignIn),
            "link" => Ok(Self::Link),
            _ => Err(Error::invalid(format!("{text:?} is no purpose of a sign-in"))),
        }
    }
}

/// A sign-in that is to begin. No `Debug`: its sealed part is nobody's business.
pub struct NewSignIn {
    /// The keyed hash of `state`.
    pub state: [u8; 32],
    /// The keyed hash of what the browser has to hold when it comes back.
    pub browser: [u8; 32],
    /// The provider.
    pub provider: Slug,
    /// Its version.
    pub provider_version: i64,
    /// What for.
    pub purpose: SignInPurpose,
    /// Who is linking.
    pub user: Option<UserId>,
    /// The nonce and the verifier, sealed.
    pub secrets_sealed: Vec<u8>,
    /// Where the browser goes on to, a path of this site.
    pub next: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// A sign-in whose browser came back: it is used up.
pub struct SignInRecord {
    /// The keyed hash of what the browser has to hold.
    pub browser: [u8; 32],
    /// The provider.
    pub provider: Slug,
    /// Its version when the browser was sent there.
    pub provider_version: i64,
    /// What for.
    pub purpose: SignInPurpose,
    /// Who is linking.
    pub user: Option<UserId>,
    /// The nonce and the verifier, sealed.
    pub secrets_sealed: Vec<u8>,
    /// Where the browser goes on to.
    pub next: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

impl Record for SignInRecord {
    const TABLE: &'static str = "sign_ins";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            browser: row.hash("browser")?,
            provider: row.id("provider_id")?,
            provider_version: row.int("provider_version")?,
            purpose: row.id("purpose")?,
            user: row.opt_id("user_id")?,
            secrets_sealed: row.bytes("secrets_sealed")?,
            next: row.text("next")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

impl Reader {
    /// Whether a sign-in with this state is under way.
    pub async fn is_under_way(&self, state: &[u8; 32]) -> Result<bool, Error> {
        let sql = "SELECT state FROM sign_ins WHERE state = $1";
        Ok(self.db.optional(sql, args![state]).await?.is_some())
    }
}

impl Writer {
    /// Notes that a browser is sent to a provider.
    pub async fn insert_sign_in(&self, new: &NewSignIn) -> Result<(), Error> {
        let sql = "INSERT INTO sign_ins (state, browser, provider_id, provider_version, purpose, \
                   user_id, secrets_sealed, next, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let args = args![
            new.state,
            new.browser,
            &new.provider,
            new.provider_version,
            new.purpose.as_str(),
            new.user,
            &new.secrets_sealed,
            new.next.as_str(),
            new.expires_at,
        ];
        let mut transaction = self.begin_upkeep().await?;
        transaction.execute(sql, args).await?;
        transaction.commit().await
    }

    /// The sign-in with this state, used up by being asked for: of any number at once one gets it.
    /// Whether it is over, and whether it is this browser's, is the caller's to see.
    pub async fn take_sign_in(&self, state: &[u8; 32]) -> Result<Option<SignInRecord>, Error> {
        let sql = concat!(
            "DELETE FROM sign_ins WHERE state = $1 RETURNING ",
            columns!("sign_ins", ""; browser, provider_id, provider_version, purpose, user_id,
                secrets_sealed, next, expires_at)
        );
        let mut transaction = self.begin_upkeep().await?;
        let row = transaction.optional(sql, args![state]).await?;
        transaction.commit().await?;
        row.map(|row| row.record()).transpose()
    }
}
