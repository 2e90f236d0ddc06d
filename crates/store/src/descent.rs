//! Who made an admin key, and what was made with it. A key's `created_by` is the record of both.

use tollgate_kernel::{Error, KeyId, Timestamp, UserId};

use crate::sql::args;
use crate::{EventKind, KeyRecord, KeyState, Owner, Reader, Tx, UserRecord};

/// How many admin keys may have made one another, the last of them included.
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
    /// How many keys made one another, this one included.
    pub generations: usize,
    /// The earliest end among the key and those it comes from.
    pub expires_at: Option<Timestamp>,
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
    /// Where an admin key comes from: up through the keys that made it to the first maker. More
    /// than [`GENERATIONS_MAX`] keys are nobody's.
    pub async fn descent(&self, key: &KeyRecord) -> Result<Descent, Error> {
        let mut descent =
            Descent { origin: Origin::Nobody, generations: 1, expires_at: key.expires_at };
        let mut by = maker(&key.created_by);
        while descent.generations <= GENERATIONS_MAX {
            let parent = match by {
                Maker::Key(parent) => self.key(Owner::All, parent).await?,
                Maker::User(user) => {
                    let user = self.user(Owner::All, user).await?;
                    descent.origin = user.map_or(Origin::Nobody, Origin::User);
                    return Ok(descent);
                }
                Maker::Installation => {
                    descent.origin = Origin::Installation;
                    return Ok(descent);
                }
                Maker::Unknown => None,
            };
            let Some(parent) = parent.filter(|parent| parent.state == KeyState::Active) else {
                break;
            };
            let ends = [descent.expires_at, parent.expires_at];
            descent.expires_at = ends.into_iter().flatten().min();
            descent.generations += 1;
            by = maker(&parent.created_by);
        }
        Ok(descent)
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

    /// Tells of the admin keys made with `key`, whose end it bounds.
    pub(crate) async fn announce_offspring(&mut self, key: KeyId) -> Result<(), Error> {
        for (id, is_admin) in self.offspring(key).await? {
            if is_admin {
                self.announce(EventKind::Key, id.to_string());
            }
        }
        Ok(())
    }
}

/// The maker's name in the records of what an admin key made.
fn made_with(key: KeyId) -> String {
    tollgate_kernel::Subject::Admin(key).to_string()
}
