//! Consents: what a person said an app may have, so that they are not asked again.

use tollgate_kernel::{ClientId, Error, UserId};

use crate::sql::args;
use crate::{Reader, Tx};

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
}

impl Tx {
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

    /// Takes back what a person consented to for an app, and ends what comes of it. Whether there
    /// was anything.
    pub async fn withdraw_consent(
        &mut self,
        user: UserId,
        client: ClientId,
    ) -> Result<bool, Error> {
        let sql = "DELETE FROM consents WHERE user_id = $1 AND client_id = $2";
        let consents = self.execute(sql, args![user, client]).await?;
        let sql = "DELETE FROM auth_codes WHERE user_id = $1 AND client_id = $2 \
                   AND used_at IS NULL";
        self.execute(sql, args![user, client]).await?;
        let grants = self.end_grants_of(user, Some(client)).await?;
        Ok(consents > 0 || grants > 0)
    }
}
