//! Accounts at sign-in providers that belong to accounts here.

use tollgate_kernel::{Error, IdentityId, Kind, Slug, Timestamp, UserId};

use crate::page::page_of;
use crate::sql::{Record, Row, args, columns};
use crate::users::{canonical_email, user_columns};
use crate::{Owner, Page, PageRequest, Reader, Tx, UserRecord};

/// An account at a provider. Issuer and subject together say whose it is, and nothing else does:
/// addresses and names change hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRecord {
    /// Its id.
    pub id: IdentityId,
    /// Who vouches for the subject.
    pub issuer: String,
    /// What the issuer calls the person.
    pub subject: String,
    /// Whose it is here.
    pub user: UserId,
    /// The provider it was last used with.
    pub provider: Slug,
    /// The e-mail address that the provider told last. It is shown, and decides nothing.
    pub email: Option<String>,
    /// Whether the provider vouched for that address.
    pub email_verified: bool,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it last signed its person in.
    pub last_used_at: Timestamp,
}

/// An account at a provider that is to be linked.
#[derive(Clone)]
pub struct NewIdentity {
    /// Its id.
    pub id: IdentityId,
    /// Who vouches for the subject.
    pub issuer: String,
    /// What the issuer calls the person.
    pub subject: String,
    /// Whose it is here.
    pub user: UserId,
    /// The provider.
    pub provider: Slug,
    /// The e-mail address that the provider told.
    pub email: Option<String>,
    /// Whether it vouched for that address.
    pub email_verified: bool,
}

macro_rules! identity_columns {
    ($table:literal) => {
        columns!($table, ""; id, issuer, subject, user_id, provider_id, email, email_verified,
            created_at, last_used_at)
    };
}

impl Record for IdentityRecord {
    const TABLE: &'static str = "identities";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            issuer: row.text("issuer")?,
            subject: row.text("subject")?,
            user: row.id("user_id")?,
            provider: row.id("provider_id")?,
            email: row.opt_text("email")?,
            email_verified: row.flag("email_verified")?,
            created_at: row.time("created_at")?,
            last_used_at: row.time("last_used_at")?,
        })
    }
}

impl Reader {
    /// The account that this subject of this issuer is linked to, whatever its state.
    pub async fn identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<(IdentityRecord, UserRecord)>, Error> {
        let sql = concat!(
            "SELECT ",
            identity_columns!("i"),
            ", ",
            user_columns!("u", "u_"),
            " FROM identities i JOIN users u ON u.id = i.user_id \
             WHERE i.issuer = $1 AND i.subject = $2"
        );
        let row = self.db.optional(sql, args![issuer, subject]).await?;
        let read = |row: Row| Ok((row.record()?, UserRecord::read(&row.part("users", "u_"))?));
        row.map(read).transpose()
    }

    /// Whether a sign-in provider vouched for the address that an account has now. An address that
    /// somebody typed was shown by nobody to be theirs.
    pub async fn is_email_vouched(&self, user: &UserRecord) -> Result<bool, Error> {
        let sql = "SELECT email FROM identities WHERE user_id = $1 AND email_verified = 1";
        let email = canonical_email(&user.email);
        for row in self.db.all(sql, args![user.id]).await? {
            if row.opt_text("email")?.is_some_and(|told| canonical_email(&told) == email) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One identity, if `owner` may know of it.
    pub async fn identity_by_id(
        &self,
        owner: Owner,
        id: IdentityId,
    ) -> Result<Option<IdentityRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            identity_columns!("i"),
            " FROM identities i WHERE i.id = $1 AND ($2 IS NULL OR i.user_id = $2)"
        );
        let row = self.db.optional(sql, args![id, owner.value()]).await?;
        row.map(|row| row.record()).transpose()
    }

    /// The identities that `owner` may know of, oldest first.
    pub async fn identities(
        &self,
        owner: Owner,
        request: &PageRequest,
    ) -> Result<Page<IdentityRecord>, Error> {
        const ALL: &str = concat!(
            "SELECT ",
            identity_columns!("i"),
            " FROM identities i WHERE i.id > $1 ORDER BY i.id LIMIT $2"
        );
        const OF_USER: &str = concat!(
            "SELECT ",
            identity_columns!("i"),
            " FROM identities i WHERE i.id > $1 AND i.user_id = $3 ORDER BY i.id LIMIT $2"
        );
        let mut args = args![request.after(), request.fetched()];
        let sql = match owner {
            Owner::All => ALL,
            Owner::User(user) => {
                args.extend(args![user]);
                OF_USER
            }
        };
        let rows = self.db.all(sql, args).await?;
        page_of(&rows, request, |identity: &IdentityRecord| identity.id.to_string())
    }
}

impl Tx {
    /// Links an account at a provider. A conflict when it is linked already, to whomever.
    pub async fn insert_identity(&mut self, identity: NewIdentity) -> Result<(), Error> {
        let NewIdentity { id, issuer, subject, user, provider, email, email_verified } = identity;
        let sql = "INSERT INTO identities (id, issuer, subject, user_id, provider_id, email, \
                   email_verified, created_at, last_used_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
        let args = args![
            id,
            issuer.as_str(),
            subject.as_str(),
            user,
            provider,
            email.as_deref(),
            email_verified,
            self.now
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Unlinks all accounts at providers from the account of a person.
    pub async fn delete_identities_of(&mut self, user: UserId) -> Result<(), Error> {
        self.execute("DELETE FROM identities WHERE user_id = $1", args![user]).await.map(drop)
    }

    /// Notes that an identity signed its person in, with the address that the provider told and
    /// whether it vouched for it. None is there when it was unlinked meanwhile.
    pub async fn use_identity(
        &mut self,
        id: IdentityId,
        provider: &Slug,
        (email, verified): (Option<&str>, bool),
    ) -> Result<(), Error> {
        let sql = "UPDATE identities SET provider_id = $2, email = $3, email_verified = $4, \
                   last_used_at = $5 WHERE id = $1";
        self.change_named(sql, args![id, provider, email, verified, self.now]).await
    }

    /// Unlinks an identity that `owner` may know of, and gives it. A conflict when its person could
    /// not sign in any more: without a password, an identity of a provider that is on must be left.
    pub async fn delete_identity(
        &mut self,
        owner: Owner,
        id: IdentityId,
    ) -> Result<IdentityRecord, Error> {
        let sql = concat!(
            "DELETE FROM identities WHERE id = $1 AND ($2 IS NULL OR user_id = $2) RETURNING ",
            identity_columns!("identities")
        );
        let row = self.optional(sql, args![id, owner.value()]).await?;
        let gone: IdentityRecord = row.ok_or_else(Error::not_found)?.record()?;
        // The person's row is locked, so that the last two cannot go at once.
        let lock = "UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING password";
        let row = self.optional(lock, args![gone.user]).await?.ok_or_else(Error::not_found)?;
        if row.opt_text("password")?.is_some() {
            return Ok(gone);
        }
        let left = "SELECT COUNT(*) AS n FROM identities i JOIN providers p \
                    ON p.id = i.provider_id WHERE i.user_id = $1 AND p.enabled = 1";
        let row = self.optional(left, args![gone.user]).await?;
        if row.ok_or_else(|| Error::internal("no count"))?.int("n")? > 0 {
            return Ok(gone);
        }
        let detail = "This is the last way to sign in to the account. Set a password first, or \
                      link another provider.";
        Err(Error::new(Kind::Conflict, detail))
    }
}
