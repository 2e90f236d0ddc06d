//! With whose rights somebody manages: matters where owners are concerned, whom admins leave alone.

use tollgate_kernel::{Error, Kind, Role, Subject};
use tollgate_store::{AccountState, KeyHolder, KeyRecord, Origin, Owner, Reader, UserRecord};

use crate::Bounds;
use crate::gate::Gate;
use crate::principal::Warrant;

/// What is changed of an account, as far as rights are concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountChange {
    /// The role that it gets.
    pub role: Option<Role>,
    /// The state that it gets.
    pub state: Option<AccountState>,
    /// Its address or its password: by these somebody else comes in.
    pub way_in: bool,
}

impl Gate {
    /// Refuses those who may not change an account so. What would put somebody in an owner's place,
    /// or out of it, is for owners; what would put somebody in an admin's place is not for a key
    /// that is limited.
    pub async fn require_right_over(
        &self,
        warrant: &Warrant,
        before: &UserRecord,
        change: AccountChange,
    ) -> Result<(), Error> {
        let AccountChange { role, state, way_in } = change;
        let touches = way_in || role.is_some() || state.is_some();
        if (before.role == Role::Owner && touches) || role == Some(Role::Owner) {
            self.require_owner(warrant).await?;
        }
        let lets_in = way_in || state == Some(AccountState::Active);
        if role >= Some(Role::Admin) || (before.role >= Role::Admin && lets_in) {
            Bounds::of(self, warrant).await?.require_none()?;
        }
        Ok(())
    }

    /// Refuses everybody who has not the rights of an owner: who becomes, is or stays an owner is
    /// the owners' own affair. An admin key has the rights of whoever made it.
    pub async fn require_owner(&self, warrant: &Warrant) -> Result<(), Error> {
        if rank(self.read(warrant), warrant).await? == Role::Owner {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            "Only an owner may do this to an owner. Sign in as one, or use an owner's admin key.",
        ))
    }

    /// Refuses those with less rights than a key lends that is made for `holder`: an owner's
    /// personal key is the owners' own affair, as the account is. Admins may not make one.
    pub async fn require_rank_for(
        &self,
        warrant: &Warrant,
        holder: KeyHolder,
    ) -> Result<(), Error> {
        let KeyHolder::User(user) = holder else { return Ok(()) };
        let user = self.read(warrant).user(Owner::All, user).await?;
        let of_owner = user.is_some_and(|user| user.role == Role::Owner);
        if of_owner { self.require_owner(warrant).await } else { Ok(()) }
    }

    /// Refuses those with less rights than `key` lends, for they would have them by its next
    /// secret.
    pub async fn require_rank_of(&self, warrant: &Warrant, key: &KeyRecord) -> Result<(), Error> {
        if key.holder != KeyHolder::Admin {
            return self.require_rank_for(warrant, key.holder).await;
        }
        // A key that lends nothing may lend an owner's rights once more, when its maker comes back.
        let of_admin = lent_by(self.read(warrant), key).await? == Role::Admin;
        if of_admin { Ok(()) } else { self.require_owner(warrant).await }
    }
}

/// An admin key has the rights of whoever made it, as they are now: a key cannot be stronger than
/// its maker, and does not stay so when its maker steps down.
async fn rank(reader: &Reader, warrant: &Warrant) -> Result<Role, Error> {
    let Subject::Admin(key) = *warrant.principal().subject() else {
        return Ok(warrant.principal().role());
    };
    match reader.key(Owner::All, key).await? {
        Some(key) => lent_by(reader, &key).await,
        None => Ok(Role::Member),
    }
}

async fn lent_by(reader: &Reader, key: &KeyRecord) -> Result<Role, Error> {
    // One that lends nothing leaves those who hold it what everybody has.
    Ok(role_of(&reader.descent(key).await?.origin).unwrap_or(Role::Member))
}

/// Whose rights an admin key has that comes from `origin`; `None` where it lends nothing any more.
/// That a disabled account's key lends nothing is seen where it is presented.
pub(crate) fn role_of(origin: &Origin) -> Option<Role> {
    match origin {
        Origin::Installation => Some(Role::Owner),
        Origin::User(user) => Some(user.role),
        Origin::Nobody => None,
    }
}
