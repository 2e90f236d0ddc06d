//! One-time links.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{Error, LinkId, Timestamp, UserId};

use crate::sql::{Record, Row, args, columns};
use crate::{Reader, Tx};

/// What a link is for. One that was made for one purpose does not serve another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkPurpose {
    /// Making the first owner.
    Setup,
    /// Signing in without a password.
    SignIn,
    /// Setting a new password.
    Reset,
    /// Making an account where registration is closed.
    Invite,
}

impl LinkPurpose {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::SignIn => "sign_in",
            Self::Reset => "reset",
            Self::Invite => "invite",
        }
    }
}

impl fmt::Display for LinkPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LinkPurpose {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Setup, Self::SignIn, Self::Reset, Self::Invite]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or_else(|| {
                Error::invalid("a purpose is one of sign_in, reset, invite").with_param("purpose")
            })
    }
}

/// A link, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whom it is for.
    pub user: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// A link that is to be made.
#[derive(Clone)]
pub struct NewLink {
    /// Its id.
    pub id: LinkId,
    /// The keyed hash of its secret.
    pub hash: [u8; 32],
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whom it is for.
    pub user: Option<UserId>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Record for LinkRecord {
    const TABLE: &'static str = "links";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            purpose: row.id("purpose")?,
            user: row.opt_id("user_id")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
            used_at: row.opt_time("used_at")?,
        })
    }
}

macro_rules! link_columns {
    () => {
        columns!("links", ""; id, purpose, user_id, created_at, expires_at, used_at)
    };
}

impl Reader {
    /// The link with this hash and purpose, used or not: to show the page behind it.
    pub async fn link_by_hash(
        &self,
        hash: &[u8; 32],
        purpose: LinkPurpose,
    ) -> Result<Option<LinkRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            link_columns!(),
            " FROM links WHERE links.hash = $1 AND links.purpose = $2"
        );
        let row = self.db.optional(sql, args![hash, purpose.as_str()]).await?;
        row.map(|row| row.record()).transpose()
    }
}

impl Tx {
    /// Makes a link.
    pub async fn insert_link(&mut self, link: NewLink) -> Result<(), Error> {
        let NewLink { id, hash, purpose, user, expires_at } = link;
        let sql = "INSERT INTO links (id, hash, purpose, user_id, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let args = args![id, hash, purpose.as_str(), user, self.now, expires_at];
        self.execute(sql, args).await.map(drop)
    }

    /// Uses a link up. Of any number of transactions at once one gets it; `None` is for the others,
    /// and for what is unknown, expired, or made for another purpose. If this is rolled back, the
    /// link is unused again.
    pub async fn use_link(
        &mut self,
        hash: &[u8; 32],
        purpose: LinkPurpose,
    ) -> Result<Option<LinkRecord>, Error> {
        let sql = concat!(
            "UPDATE links SET used_at = $3 WHERE hash = $1 AND purpose = $2 AND used_at IS NULL \
             AND expires_at > $3 RETURNING ",
            link_columns!()
        );
        let row = self.optional(sql, args![hash, purpose.as_str(), self.now]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// Ends all unused links of a person, as after a changed password or address.
    pub async fn end_links_of(&mut self, user: UserId) -> Result<(), Error> {
        let sql = "UPDATE links SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL";
        self.execute(sql, args![user, self.now]).await.map(drop)
    }
}
