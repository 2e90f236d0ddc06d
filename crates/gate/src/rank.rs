//! With whose rights somebody manages: matters where owners are concerned, whom admins leave alone.

use tollgate_kernel::{Error, KeyId, Kind, Role, Subject, UserId};
use tollgate_store::{KeyRecord, Owner, Reader};

use crate::gate::Gate;
use crate::principal::Warrant;

/// How many admin keys may have made one another before the last of them is an admin's at most.
const GENERATIONS: usize = 8;

impl Gate {
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
}

/// An admin key has the rights of whoever made it, as they are now: a key cannot be stronger than
/// its maker, and does not stay so when its maker steps down.
async fn rank(reader: &Reader, warrant: &Warrant) -> Result<Role, Error> {
    let Subject::Admin(mut key) = *warrant.principal().subject() else {
        return Ok(warrant.principal().role());
    };
    for _ in 0..GENERATIONS {
        let Some(record) = reader.key(Owner::All, key).await? else { break };
        match maker(&record) {
            Maker::Key(parent) => key = parent,
            Maker::User(user) => {
                let user = reader.user(Owner::All, user).await?;
                return Ok(user.map_or(Role::Member, |user| user.role));
            }
            Maker::Installation => return Ok(Role::Owner),
            Maker::Unknown => break,
        }
    }
    Ok(Role::Admin)
}

/// Who made a key.
enum Maker {
    /// Another admin key.
    Key(KeyId),
    /// A person.
    User(UserId),
    /// The set-up of the first owner, or a process on this machine.
    Installation,
    /// Nobody that can be read.
    Unknown,
}

/// Reads the subject that a key's record names ([`Subject`]'s text form).
fn maker(record: &KeyRecord) -> Maker {
    let (kind, id) = record.created_by.split_once(':').unwrap_or((&record.created_by, ""));
    match kind {
        "admin_key" => id.parse().map_or(Maker::Unknown, Maker::Key),
        "user" => id.parse().map_or(Maker::Unknown, Maker::User),
        // Nobody in particular makes an admin key at set-up alone.
        "local" | "system" | "anonymous" => Maker::Installation,
        _ => Maker::Unknown,
    }
}
