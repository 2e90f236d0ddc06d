//! Accounts of people.

use std::fmt;
use std::str::FromStr;

use tollgate_kernel::{Error, Kind, Profile, Role, Secret, Slug, Timestamp, UserId};

use crate::page::page_of;
use crate::sql::{Record, Row, Value, args};
use crate::value::json;
use crate::{EventKind, Owner, Page, PageRequest, Reader, Tx};

/// Whether an account or an app may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// It may.
    Active,
    /// Its credentials are refused.
    Disabled,
}

impl AccountState {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            _ => Err(Error::invalid("a state is one of active, disabled").with_param("state")),
        }
    }
}

/// An account, without its password.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRecord {
    /// Its id.
    pub id: UserId,
    /// The e-mail address as the person wrote it. Addresses that differ in case are the same.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// The language of pages and mails, as a BCP 47 tag.
    pub locale: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// A plan of their own; it comes before those of groups.
    pub plan: Option<Slug>,
    /// Whether a password is set.
    pub has_password: bool,
    /// Whether the account may be used.
    pub state: AccountState,
    /// What the owner's other software calls this person.
    pub external_id: Option<String>,
    /// What goes into their calls of models; it comes before their plan's. Few have one.
    pub profile: Option<Box<Profile>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; a change names the version it was made from.
    pub version: i64,
}

/// An account that is to be made.
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The e-mail address as the person wrote it.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// The language of pages and mails.
    pub locale: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// A plan of their own.
    pub plan: Option<Slug>,
    /// The password's hash in PHC form; never a password.
    pub password: Option<Secret>,
    /// What the owner's other software calls this person.
    pub external_id: Option<String>,
}

/// Which accounts are listed; what is none is not looked at.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Addresses that begin so, in any case.
    pub email_prefix: Option<String>,
    /// Accounts in this state.
    pub state: Option<AccountState>,
    /// People with this role.
    pub role: Option<Role>,
    /// People with this plan of their own.
    pub plan: Option<Slug>,
    /// Members of this group.
    pub group: Option<Slug>,
}

/// The one spelling of an e-mail address that accounts are found by.
pub fn canonical_email(email: &str) -> String {
    email.trim().to_lowercase()
}

macro_rules! user_columns {
    ($table:literal, $prefix:literal) => {
        $crate::sql::columns!($table, $prefix; id, email, email_shown, name, locale, role, plan_id,
            password, state, external_id, profile, created_at, updated_at, version)
    };
}
pub(crate) use user_columns;

impl Record for UserRecord {
    const TABLE: &'static str = "users";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            email: row.text("email_shown")?,
            name: row.text("name")?,
            locale: row.opt_text("locale")?,
            role: row.id("role")?,
            plan: row.opt_id("plan_id")?,
            has_password: row.opt_text("password")?.is_some(),
            state: row.id("state")?,
            external_id: row.opt_text("external_id")?,
            profile: row.opt_json("profile")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One account, if `owner` may know of it.
    pub async fn user(&self, owner: Owner, id: UserId) -> Result<Option<UserRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            user_columns!("u", ""),
            " FROM users u WHERE u.id = $1 AND ($2 IS NULL OR u.id = $2)"
        );
        self.one_user(sql, args![id, owner.value()]).await
    }

    /// The account with this address, however it is spelled.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRecord>, Error> {
        let sql = concat!("SELECT ", user_columns!("u", ""), " FROM users u WHERE u.email = $1");
        self.one_user(sql, args![canonical_email(email)]).await
    }

    /// The account that the owner's other software calls so.
    pub async fn user_by_external_id(&self, id: &str) -> Result<Option<UserRecord>, Error> {
        let sql =
            concat!("SELECT ", user_columns!("u", ""), " FROM users u WHERE u.external_id = $1");
        self.one_user(sql, args![id]).await
    }

    async fn one_user(
        &self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<UserRecord>, Error> {
        self.db.optional(sql, args).await?.map(|row| row.record()).transpose()
    }

    /// For signing in: the account with this address, and the hash of its password in PHC form.
    pub async fn sign_in(
        &self,
        email: &str,
    ) -> Result<Option<(UserRecord, Option<Secret>)>, Error> {
        let sql = concat!("SELECT ", user_columns!("u", ""), " FROM users u WHERE u.email = $1");
        let Some(row) = self.db.optional(sql, args![canonical_email(email)]).await? else {
            return Ok(None);
        };
        Ok(Some((row.record()?, row.opt_text("password")?.map(Secret::new))))
    }

    /// The accounts, oldest first.
    pub async fn users(
        &self,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<UserRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            user_columns!("u", ""),
            " FROM users u WHERE u.id > $1 AND ($2 IS NULL OR (u.email >= $2 AND u.email < $3)) \
             AND ($4 IS NULL OR u.state = $4) AND ($5 IS NULL OR u.role = $5) \
             AND ($6 IS NULL OR u.plan_id = $6) AND ($7 IS NULL OR EXISTS (SELECT 1 \
             FROM group_members m WHERE m.user_id = u.id AND m.group_id = $7)) \
             ORDER BY u.id LIMIT $8"
        );
        let prefix = filter.email_prefix.as_deref().map(canonical_email);
        // Every text that begins with the prefix is less than the prefix and the last character.
        let end = prefix.as_ref().map(|prefix| format!("{prefix}{}", char::MAX));
        let args = args![
            request.after(),
            prefix,
            end,
            filter.state.map(AccountState::as_str),
            filter.role.map(Role::as_str),
            filter.plan.as_ref(),
            filter.group.as_ref(),
            request.fetched(),
        ];
        page_of(&self.db.all(sql, args).await?, request, |user: &UserRecord| user.id.to_string())
    }

    /// Whether anybody owns this installation yet.
    pub async fn owner_exists(&self) -> Result<bool, Error> {
        Ok(self.db.optional(OWNER, Vec::new()).await?.is_some())
    }
}

/// Serialises what depends on how many owners there are: the row is locked until the commit.
const LOCK_OWNERS: &str = "UPDATE counters SET value = value + 1 WHERE name = 'owners'";

const OWNER: &str = "SELECT id FROM users WHERE role = 'owner' ORDER BY id LIMIT 1";

impl Tx {
    /// Makes an active account. A known address or external id is a conflict, a plan that does not
    /// exist too.
    pub async fn insert_user(&mut self, user: NewUser) -> Result<UserRecord, Error> {
        let NewUser { id, email, name, locale, role, plan, password, external_id } = user;
        let record = UserRecord {
            id,
            email: email.trim().to_owned(),
            name,
            locale,
            role,
            plan,
            has_password: password.is_some(),
            state: AccountState::Active,
            external_id,
            profile: None,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        let sql = "INSERT INTO users (id, email, email_shown, name, locale, role, plan_id, \
                   password, state, external_id, created_at, updated_at, version) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let args = args![
            record.id,
            canonical_email(&record.email),
            &record.email,
            &record.name,
            record.locale.as_deref(),
            record.role.as_str(),
            record.plan.as_ref(),
            password.as_ref().map(Secret::expose),
            record.state.as_str(),
            record.external_id.as_deref(),
            record.created_at,
            record.updated_at,
            record.version,
        ];
        self.execute(sql, args).await?;
        Ok(record)
    }

    /// Writes what can be changed of an account: all but its id, its password and its times. A
    /// conflict when it is not the version that was read.
    pub async fn update_user(&mut self, user: &UserRecord) -> Result<(), Error> {
        let sql = "UPDATE users SET email = $3, email_shown = $4, name = $5, locale = $6, \
                   role = $7, plan_id = $8, state = $9, external_id = $10, profile = $11, \
                   updated_at = $12, version = version + 1 WHERE id = $1 AND version = $2";
        let args = args![
            user.id,
            user.version,
            canonical_email(&user.email),
            user.email.trim(),
            &user.name,
            user.locale.as_deref(),
            user.role.as_str(),
            user.plan.as_ref(),
            user.state.as_str(),
            user.external_id.as_deref(),
            user.profile.as_ref().map(json).transpose()?,
            self.now,
        ];
        self.change_one(sql, args).await?;
        self.announce(EventKind::User, user.id.to_string());
        Ok(())
    }

    /// Sets the hash of the password, in PHC form, or takes the password away. Sessions stay: end
    /// them too where that is meant.
    pub async fn set_password(
        &mut self,
        id: UserId,
        password: Option<&Secret>,
    ) -> Result<(), Error> {
        let sql = "UPDATE users SET password = $2, updated_at = $3, version = version + 1 \
                   WHERE id = $1";
        self.change_named(sql, args![id, password.map(Secret::expose), self.now]).await?;
        self.announce(EventKind::User, id.to_string());
        Ok(())
    }

    /// Keeps the hash of a password that was just found right, or puts `now` in its place: the same
    /// password, hashed anew. Says whether the account is active and its password still `verified`;
    /// if so it stays that until this transaction ends, so that a sign-in and a change of the
    /// password have an order.
    pub async fn confirm_password(
        &mut self,
        id: UserId,
        verified: &Secret,
        now: Option<&Secret>,
    ) -> Result<bool, Error> {
        let sql = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2 \
                   AND state = 'active'";
        let now = now.unwrap_or(verified);
        let changed = self.execute(sql, args![id, verified.expose(), now.expose()]).await?;
        Ok(changed == 1)
    }

    /// Whether the account is active. If so it stays that until this transaction ends, so that a
    /// sign-in and the end of the account have an order.
    pub async fn keep_active(&mut self, id: UserId) -> Result<bool, Error> {
        let sql = "UPDATE users SET updated_at = updated_at WHERE id = $1 AND state = 'active'";
        Ok(self.execute(sql, args![id]).await? == 1)
    }

    /// Removes an account with its keys, sessions, links and memberships. A conflict while it owns
    /// an app, or when it is not the version that was read.
    pub async fn delete_user(&mut self, user: &UserRecord) -> Result<(), Error> {
        let keys = self.all("SELECT id FROM keys WHERE user_id = $1", args![user.id]).await?;
        for key in keys {
            self.announce(EventKind::Key, key.text("id")?);
        }
        let sessions = "SELECT id FROM sessions WHERE user_id = $1";
        for session in self.all(sessions, args![user.id]).await? {
            self.announce(EventKind::Session, session.text("id")?);
        }
        let sql = "DELETE FROM users WHERE id = $1 AND version = $2";
        self.change_one(sql, args![user.id, user.version]).await?;
        self.announce(EventKind::User, user.id.to_string());
        Ok(())
    }

    /// Takes the right to make the first owner: of any number at once one gets it, the others wait
    /// for its end and then get a conflict, as everybody does while there is an owner.
    pub async fn claim_first_owner(&mut self) -> Result<(), Error> {
        self.execute(LOCK_OWNERS, Vec::new()).await?;
        match self.optional(OWNER, Vec::new()).await? {
            None => Ok(()),
            Some(_) => {
                Err(Error::new(Kind::Conflict, "This installation has an owner. Sign in instead."))
            }
        }
    }

    /// Refuses, with a conflict, what leaves the installation without an active owner; `before` is
    /// the account as it was before this transaction changed or deleted it. Other transactions
    /// that ask wait for this one, so that the last two owners cannot step down at once.
    pub async fn require_owner_left(&mut self, before: &UserRecord) -> Result<(), Error> {
        if before.role != Role::Owner {
            return Ok(());
        }
        self.execute(LOCK_OWNERS, Vec::new()).await?;
        let sql = "SELECT COUNT(*) AS n FROM users WHERE role = 'owner' AND state = 'active'";
        let row = self.optional(sql, Vec::new()).await?;
        if row.ok_or_else(|| Error::internal("no count"))?.int("n")? > 0 {
            return Ok(());
        }
        let detail = "This is the last owner. Make somebody else an owner first.";
        Err(Error::new(Kind::Conflict, detail))
    }
}
