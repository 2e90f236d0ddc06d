//! People whom apps name: an account for each pair of an app and its name for somebody.

use tollgate_kernel::{ClientId, Error, Role, UserId};

use crate::sql::args;
use crate::users::user_columns;
use crate::{NewUser, Reader, Tx, UserRecord};

/// How the text begins that stands in the place of an address.
const NO_ADDRESS: &str = "app-user:";

impl UserRecord {
    /// Whether nobody but an app has said who this is: its name is the app's name for somebody.
    pub fn is_known_by_app_alone(&self) -> bool {
        self.email.starts_with(NO_ADDRESS)
    }
}

impl Reader {
    /// The account of the person whom an app calls so, whatever its state.
    pub async fn app_user(&self, app: ClientId, name: &str) -> Result<Option<UserRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            user_columns!("u", ""),
            " FROM app_users a JOIN users u ON u.id = a.user_id \
             WHERE a.client_id = $1 AND a.name = $2"
        );
        self.db.optional(sql, args![app, name]).await?.map(|row| row.record()).transpose()
    }
}

impl Tx {
    /// Makes an account for the person whom an app calls so; nothing where somebody was quicker,
    /// and then this transaction is to be dropped. In the place of an address it has a text that
    /// none can be, so that nobody signs in to it or is linked to it by an address.
    pub async fn insert_app_user(
        &mut self,
        app: ClientId,
        name: &str,
        id: UserId,
    ) -> Result<Option<UserRecord>, Error> {
        let user = NewUser {
            id,
            email: format!("{NO_ADDRESS}{id}"),
            name: name.to_owned(),
            locale: None,
            role: Role::Member,
            plan: None,
            password: None,
            external_id: None,
        };
        let user = self.insert_user(user).await?;
        let sql = "INSERT INTO app_users (client_id, name, user_id, created_at) \
                   VALUES ($1, $2, $3, $4) ON CONFLICT (client_id, name) DO NOTHING";
        let made = self.execute(sql, args![app, name, id, self.now]).await?;
        Ok((made == 1).then_some(user))
    }
}
