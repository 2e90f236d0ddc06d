//! Groups of people, with a plan for each member and a pool that they share.

use std::collections::BTreeSet;

use tollgate_kernel::{Budget, Error, Slug, Timestamp, UserId};

use crate::page::page_of;
use crate::sql::{Record, Row, Value, args, columns};
use crate::value::json;
use crate::{EventKind, Page, PageRequest, Reader, Tx};

/// The most rows of one INSERT.
const CHUNK: usize = 256;

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRecord {
    /// Its name in the API.
    pub id: Slug,
    /// Its name for people.
    pub name: String,
    /// The plan of members that have none of their own.
    pub plan: Option<Slug>,
    /// Of several groups of a member, the one with the highest counts.
    pub priority: i64,
    /// Budgets that all members share.
    pub pool: Vec<Budget>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is a group that is not stored yet.
    pub version: i64,
}

impl GroupRecord {
    /// A group that is to be stored, without a plan or a pool.
    pub fn new(id: Slug, name: String) -> Self {
        let never = Timestamp::default();
        Self {
            id,
            name,
            plan: None,
            priority: 0,
            pool: Vec::new(),
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }
}

macro_rules! group_columns {
    () => {
        columns!("g", ""; id, name, plan_id, priority, pool, created_at, updated_at, version)
    };
}

impl Record for GroupRecord {
    const TABLE: &'static str = "user_groups";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            plan: row.opt_id("plan_id")?,
            priority: row.int("priority")?,
            pool: row.json("pool")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One group.
    pub async fn group(&self, id: &Slug) -> Result<Option<GroupRecord>, Error> {
        let sql = concat!("SELECT ", group_columns!(), " FROM user_groups g WHERE g.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// The groups by name.
    pub async fn groups(&self, request: &PageRequest) -> Result<Page<GroupRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            group_columns!(),
            " FROM user_groups g WHERE g.id > $1 ORDER BY g.id LIMIT $2"
        );
        let rows = self.db.all(sql, args![request.after(), request.fetched()]).await?;
        page_of(&rows, request, |group: &GroupRecord| group.id.to_string())
    }

    /// The groups of a person, the one that counts first: by priority, then by name.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<GroupRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            group_columns!(),
            " FROM user_groups g JOIN group_members m ON m.group_id = g.id WHERE m.user_id = $1 \
             ORDER BY g.priority DESC, g.id"
        );
        self.db.all(sql, args![user]).await?.iter().map(Row::record).collect()
    }

    /// The members of a group.
    pub async fn members_of(&self, group: &Slug) -> Result<Vec<UserId>, Error> {
        let rows = self.db.all(MEMBERS, args![group]).await?;
        rows.iter().map(|row| row.id("user_id")).collect()
    }
}

const MEMBERS: &str = "SELECT user_id FROM group_members WHERE group_id = $1 ORDER BY user_id";

impl Tx {
    /// Makes a group whose version is 0, else changes the one with that version. A conflict when
    /// the name is taken, the plan does not exist, or it is not the version that was read.
    pub async fn put_group(&mut self, group: &GroupRecord) -> Result<(), Error> {
        let pool = json(&group.pool)?;
        if group.version == 0 {
            let sql = "INSERT INTO user_groups (id, name, plan_id, priority, pool, created_at, \
                       updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $6, 1)";
            let plan = group.plan.as_ref();
            let args = args![&group.id, &group.name, plan, group.priority, pool, self.now];
            self.execute(sql, args).await?;
        } else {
            let sql = "UPDATE user_groups SET name = $3, plan_id = $4, priority = $5, pool = $6, \
                       updated_at = $7, version = version + 1 WHERE id = $1 AND version = $2";
            let args = args![
                &group.id,
                group.version,
                &group.name,
                group.plan.as_ref(),
                group.priority,
                pool,
                self.now,
            ];
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Group, group.id.as_str());
        Ok(())
    }

    /// Removes a group; its members stay.
    pub async fn delete_group(&mut self, id: &Slug) -> Result<(), Error> {
        self.set_members(id, &[]).await?;
        self.change_named("DELETE FROM user_groups WHERE id = $1", args![id]).await?;
        self.announce(EventKind::Group, id.as_str());
        Ok(())
    }

    /// Makes these people, and no others, the members of a group. A conflict when the group or one
    /// of them does not exist.
    pub async fn set_members(&mut self, group: &Slug, members: &[UserId]) -> Result<(), Error> {
        let rows = self.all(MEMBERS, args![group]).await?;
        let before =
            rows.iter().map(|row| row.id("user_id")).collect::<Result<BTreeSet<_>, _>>()?;
        let after: BTreeSet<UserId> = members.iter().copied().collect();
        for gone in before.difference(&after) {
            let sql = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2";
            self.execute(sql, args![group, *gone]).await?;
            self.announce_member(*gone);
        }
        let joined: Vec<UserId> = after.difference(&before).copied().collect();
        for chunk in joined.chunks(CHUNK) {
            let args: Vec<Value> = chunk.iter().flat_map(|user| args![group, *user]).collect();
            let text = ("INSERT INTO group_members (group_id, user_id)", 2, "");
            self.execute_values(text, args).await?;
        }
        for user in joined {
            self.announce_member(user);
        }
        Ok(())
    }

    /// Makes a person a member of these groups and no others. A conflict when one of them does not
    /// exist.
    pub async fn set_groups_of(&mut self, user: UserId, groups: &[Slug]) -> Result<(), Error> {
        self.execute("DELETE FROM group_members WHERE user_id = $1", args![user]).await?;
        let groups: BTreeSet<&Slug> = groups.iter().collect();
        for group in groups {
            let sql = "INSERT INTO group_members (group_id, user_id) VALUES ($1, $2)";
            self.execute(sql, args![group, user]).await?;
        }
        self.announce_member(user);
        Ok(())
    }

    fn announce_member(&mut self, user: UserId) {
        self.announce(EventKind::User, user.to_string());
    }
}
