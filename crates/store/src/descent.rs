//! Who made a key, and what was made with it. A key's `created_by` is the record of both.

use tollgate_kernel::{Error, KeyId, UserId};

use crate::sql::args;
use crate::{EventKind, KeyRecord, KeyState, Owner, Reader, Tx, UserRecord};

/// How many admin keys may have made one another, the last of them included. More are not followed.
pub const GENERATIONS_MAX: usize = 8;

/// With whose rights an admin key manages.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The installation's own: set-up, or a process on this machine. It stands by itself.
    Installation,
    /// A person's, as the account is now; whether it still counts is for the caller to say.
    User(UserRecord),
    /// Nobody's any more: the account is gone, a key on the way was revoked, or none can be read.
    Nobody,
}

/// Where an admin key comes from.
#[derive(Clone, Debug)]
pub struct Descent {
    /// The first maker.
    pub origin: Origin,
    /// The keys that it comes from, its maker first.
    pub makers: Vec<KeyRecord>,
}

/// Who made a key.
enum Maker {
    Key(KeyId),
    User(UserId),
    Installation,
    Unknown,
}

/// Reads the subject that a key's record names ([`tollgate_kernel::Subject`]'s text form).
fn maker(created_by: &str) -> Maker {
    let (kind, id) = created_by.split_once(':').unwrap_or((created_by, ""));
    match kind {
        "admin_key" => id.parse().map_or(Maker::Unknown, Maker::Key),
        "user" => id.parse().map_or(Maker::Unknown, Maker::User),
        // Nobody in particular makes an admin key at set-up alone.
        "local" | "system" | "anonymous" => Maker::Installation,
        _ => Maker::Unknown,
    }
}

impl Reader {
    /// The keys that a key comes from, its maker first: what they may not, it may not either. None
    /// where one of them was revoked, cannot be read or is one too many, so that the key has no
    /// right to anything.
    pub async fn makers(&self, key: &KeyRecord) -> Result<Option<Vec<KeyRecord>>, Error> {
        Ok(self.line(key).await?.map(|(makers, _)| makers))
    }

    /// Where an admin key comes from: up through the keys that made it to the first maker.
    pub async fn descent(&self, key: &KeyRecord) -> Result<Descent, Error> {
        let Some((makers, first)) = self.line(key).await? else {
            return Ok(Descent { origin: Origin::Nobody, makers: Vec::new() });
        };
        let origin = match first {
            Maker::User(user) => {
                self.user(Owner::All, user).await?.map_or(Origin::Nobody, Origin::User)
            }
            Maker::Installation => Origin::Installation,
            Maker::Key(_) | Maker::Unknown => Origin::Nobody,
        };
        Ok(Descent { origin, makers })
    }

    /// The keys that `key` comes from, and who made the first of them.
    async fn line(&self, key: &KeyRecord) -> Result<Option<(Vec<KeyRecord>, Maker)>, Error> {
        let (mut makers, mut by) = (Vec::new(), maker(&key.created_by));
        while let Maker::Key(parent) = by {
            let parent = self.key(Owner::All, parent).await?;
            let parent = parent.filter(|parent| parent.state == KeyState::Active);
            let Some(parent) = parent.filter(|_| makers.len() < GENERATIONS_MAX) else {
                return Ok(None);
            };
            by = maker(&parent.created_by);
            makers.push(parent);
        }
        Ok(Some((makers, by)))
    }
}

impl Tx {
    /// The active keys that were made with `key` and with those; whether each is an admin key.
    async fn offspring(&mut self, key: KeyId) -> Result<Vec<(KeyId, bool)>, Error> {
        let sql = "SELECT id, kind FROM keys WHERE created_by = $1 AND state = 'active'";
        let (mut found, mut next): (Vec<(KeyId, bool)>, _) = (Vec::new(), vec![key]);
        while let Some(parent) = next.pop() {
            for row in self.all(sql, args![made_with(parent)]).await? {
                let (id, is_admin) = (row.id("id")?, row.text("kind")? == "admin");
                found.push((id, is_admin));
                if is_admin {
                    next.push(id);
                }
            }
        }
        Ok(found)
    }

    /// Ends what was made with `key`.
    pub(crate) async fn revoke_offspring(&mut self, key: KeyId) -> Result<(), Error> {
        let sql = "UPDATE keys SET state = 'revoked', revoked_at = $2, version = version + 1 \
                   WHERE created_by = $1 AND state = 'active'";
        let found = self.offspring(key).await?;
        let admins = found.iter().filter(|(_, is_admin)| *is_admin).map(|(id, _)| *id);
        for parent in std::iter::once(key).chain(admins) {
            self.execute(sql, args![made_with(parent), self.now]).await?;
        }
        for (id, _) in found {
            self.announce(EventKind::Key, id.to_string());
        }
        Ok(())
    }
}

/// The maker's name in the records of what an admin key made.
fn made_with(key: KeyId) -> String {
    tollgate_kernel::Subject::Admin(key).to_string()
}
