//! Consents: what a person said an app may have, so that they are not asked again.

use tollgate_kernel::{ClientId, Error, Timestamp, UserId};

use crate::sql::{Record, Row, args};
use crate::{Reader, Tx};

/// The most consents that are listed.
const MOST: u32 = 500;

impl Reader {
    /// The scopes that a person consented to for this app and this resource, separated by spaces;
    /// none where they were never asked.
    pub async fn consent(
        &self,
        user: UserId,
        client: ClientId,
        resource: &str,
    ) -> Result<Option<String>, Error> {
        let sql = "SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2 \
                   AND resource = $3";
        let row = self.db.optional(sql, args![user, client, resource]).await?;
        row.map(|row| row.text("scope")).transpose()
    }

    /// What a person consented to, by the names of the apps: as many as a person has.
    pub async fn consents(&self, user: UserId) -> Result<Vec<ConsentRecord>, Error> {
        let sql = "SELECT k.client_id, c.name, k.resource, k.scope, k.updated_at FROM consents k \
                   JOIN clients c ON c.id = k.client_id WHERE k.user_id = $1 \
                   ORDER BY c.name, k.client_id, k.resource LIMIT $2";
        self.db.all(sql, args![user, MOST]).await?.iter().map(Row::record).collect()
    }
}

/// What a person consented to, for one app and one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRecord {
    /// The app.
    pub client: ClientId,
    /// Its name for people.
    pub name: String,
    /// The resource.
    pub resource: String,
    /// The scopes, separated by spaces.
    pub scope: String,
    /// When it was said last.
    pub updated_at: Timestamp,
}

impl Record for ConsentRecord {
    const TABLE: &'static str = "consents";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            client: row.id("client_id")?,
            name: row.text("name")?,
            resource: row.text("resource")?,
            scope: row.text("scope")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Tx {
    /// What [`Reader::consent`] says, and goes on saying until the end of this transaction: whoever
    /// takes it back meanwhile is made to wait.
    pub async fn consent(
        &mut self,
        user: UserId,
        client: ClientId,
        resource: &str,
    ) -> Result<Option<String>, Error> {
        // An update that changes nothing holds the row on both engines.
        let sql = "UPDATE consents SET updated_at = updated_at WHERE user_id = $1 \
                   AND client_id = $2 AND resource = $3 RETURNING scope";
        let row = self.optional(sql, args![user, client, resource]).await?;
        row.map(|row| row.text("scope")).transpose()
    }

    /// Notes to which scopes a person consented.
    pub async fn put_consent(
        &mut self,
        user: UserId,
        client: ClientId,
        resource: &str,
        scope: &str,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO consents (user_id, client_id, resource, scope, updated_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, client_id, resource) \
                   DO UPDATE SET scope = excluded.scope, updated_at = excluded.updated_at";
        self.execute(sql, args![user, client, resource, scope, self.now]).await.map(drop)
    }

    /// Takes back all that a person consented to.
    pub(crate) async fn drop_consents_of(&mut self, user: UserId) -> Result<(), Error> {
        let sql = "DELETE FROM consents WHERE user_id = $1";
        self.execute(sql, args![user]).await.map(drop)
    }

    /// Takes back what a person consented to for an app, and ends what comes of it. Whether there
    /// was anything.
    pub async fn withdraw_consent(
        &mut self,
        user: UserId,
        client: ClientId,
    ) -> Result<bool, Error> {
        let sql = "DELETE FROM consents WHERE user_id = $1 AND client_id = $2";
        let consents = self.execute(sql, args![user, client]).await?;
        self.drop_codes_of(user, Some(client), None).await?;
        let grants = self.end_grants_of(user, Some(client)).await?;
        Ok(consents > 0 || grants > 0)
    }
}
