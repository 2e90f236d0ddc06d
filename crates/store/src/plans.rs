//! Plans.

use serde::{Deserialize, Serialize};
use tollgate_kernel::{
    Budget, Error, Kind, ModelPattern, Plan, Profile, Rates, Slug, Timestamp, ToolPattern,
};

use crate::page::page_of;
use crate::sql::{Record, Row, args, columns};
use crate::value::json;
use crate::{EventKind, Page, PageRequest, Reader, Tx, settings};

/// What a plan says, as it is stored. What is left out is unlimited, but for the output ceiling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanBody {
    /// The models that members may call.
    pub models: Vec<ModelPattern>,
    /// The tools that members may call; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolPattern>>,
    /// Rates for each member.
    pub rates: Rates,
    /// Budgets for each member.
    pub budgets: Vec<Budget>,
    /// The IANA name of the zone whose calendar the budgets follow.
    pub time_zone: String,
    /// The output ceiling.
    pub max_output_tokens: u32,
    /// What goes into members' calls of models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRecord {
    /// Its name.
    pub id: Slug,
    /// What it says.
    pub body: PlanBody,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is a plan that is not stored yet.
    pub version: i64,
}

impl PlanRecord {
    /// A plan that is to be stored.
    pub fn new(id: Slug, body: PlanBody) -> Self {
        let never = Timestamp::default();
        Self { id, body, declared: false, created_at: never, updated_at: never, version: 0 }
    }

    /// The plan as it is decided by. A time zone that this machine does not know is refused.
    pub fn plan(&self) -> Result<Plan, Error> {
        Ok(Plan {
            id: self.id.clone(),
            models: self.body.models.clone(),
            tools: self.body.tools.clone(),
            rates: self.body.rates,
            budgets: self.body.budgets.clone(),
            time_zone: Plan::zone(&self.body.time_zone)?,
            max_output_tokens: self.body.max_output_tokens,
            profile: self.body.profile.clone(),
        })
    }
}

macro_rules! plan_columns {
    () => {
        columns!("p", ""; id, body, declared, created_at, updated_at, version)
    };
}

impl Record for PlanRecord {
    const TABLE: &'static str = "plans";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            body: row.json("body")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

impl Reader {
    /// One plan.
    pub async fn plan(&self, id: &Slug) -> Result<Option<PlanRecord>, Error> {
        let sql = concat!("SELECT ", plan_columns!(), " FROM plans p WHERE p.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// The plans by name.
    pub async fn plans(&self, request: &PageRequest) -> Result<Page<PlanRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            plan_columns!(),
            " FROM plans p WHERE p.id > $1 ORDER BY p.id LIMIT $2"
        );
        let rows = self.db.all(sql, args![request.after(), request.fetched()]).await?;
        page_of(&rows, request, |plan: &PlanRecord| plan.id.to_string())
    }
}

impl Tx {
    /// Makes a plan whose version is 0, else changes the one with that version. A conflict when the
    /// name is taken, or it is not the version that was read.
    pub async fn put_plan(&mut self, plan: &PlanRecord) -> Result<(), Error> {
        let body = json(&plan.body)?;
        if plan.version == 0 {
            let sql = "INSERT INTO plans (id, body, declared, created_at, updated_at, version) \
                       VALUES ($1, $2, $3, $4, $4, 1)";
            self.execute(sql, args![&plan.id, body, plan.declared, self.now]).await?;
        } else {
            let sql = "UPDATE plans SET body = $3, declared = $4, updated_at = $5, \
                       version = version + 1 WHERE id = $1 AND version = $2";
            let args = args![&plan.id, plan.version, body, plan.declared, self.now];
            self.change_one(sql, args).await?;
        }
        self.announce(EventKind::Plan, plan.id.as_str());
        Ok(())
    }

    /// Removes a plan. A conflict while somebody has it or it is the default.
    pub async fn delete_plan(&mut self, id: &Slug) -> Result<(), Error> {
        let sql = "SELECT (SELECT COUNT(*) FROM users WHERE plan_id = $1) \
                   + (SELECT COUNT(*) FROM user_groups WHERE plan_id = $1) \
                   + (SELECT COUNT(*) FROM clients WHERE plan_id = $1) \
                   + (SELECT COUNT(*) FROM settings WHERE name = $2 AND value = $1) AS n";
        let uses = self.optional(sql, args![id, settings::DEFAULT_PLAN]).await?;
        if uses.is_some_and(|row| row.int("n").is_ok_and(|uses| uses > 0)) {
            let detail = "The plan is in use. Give its users, groups and apps another one first.";
            return Err(Error::new(Kind::Conflict, detail));
        }
        // Who takes the plan between the two statements is caught by the foreign keys.
        self.change_named("DELETE FROM plans WHERE id = $1", args![id]).await?;
        self.announce(EventKind::Plan, id.as_str());
        Ok(())
    }
}
