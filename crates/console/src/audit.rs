//! The audit chain, newest record first.

use std::fmt::Write as _;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Query};
use tollgate_kernel::{Manage, Noun, Timestamp};
use tollgate_store::{AuditFilter, AuditRecord};

use crate::listing::{Cursors, ListQuery};
use crate::state::ConsoleState;

/// Looking at the audit chain.
pub(crate) const READ: Manage = Manage::read(Noun::Audit);

/// The name of the list, in its cursors.
pub(crate) const LIST: &str = "audit";

/// Which records are asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditQuery {
    /// How many: 1 to 500, 50 unless said.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
    /// By this actor, for example `user:0193…`, or by an app for them.
    pub(crate) actor: Option<String>,
    /// Of this kind, for example `plan.update`.
    pub(crate) action: Option<String>,
    /// Done to this, for example `plan:standard`.
    pub(crate) target: Option<String>,
}

/// A record as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditView {
    /// Its number in the chain, from 1 without gaps.
    seq: i64,
    /// When it was done.
    #[schemars(with = "String")]
    at: Timestamp,
    /// Who did it; `user:0193… by app:0193…` where an app did it for them.
    actor: String,
    /// What was done.
    action: String,
    /// To what.
    target: String,
    /// From where.
    from: Option<String>,
    /// In which request.
    request_id: Option<String>,
    /// The hash that binds it to all records before it, in hexadecimal.
    hash: String,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { seq, at, actor, action, target, from, request, previous: _, hash } =
            record;
        let mut hex = String::with_capacity(64);
        for byte in hash {
            // Writing to memory cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self { seq, at, actor, action, target, from, request_id: request, hash: hex }
    }
}

impl AuditQuery {
    /// Which part of the chain, and which records of it.
    pub(crate) fn split(self) -> (ListQuery, AuditFilter) {
        let Self { limit, cursor, actor, action, target } = self;
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let filter = AuditFilter { actor: said(actor), action: said(action), target: said(target) };
        (ListQuery { limit, cursor }, filter)
    }
}

/// `GET /api/v1/audit`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<AuditQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, LIST);
    let (part, filter) = query.split();
    let page = state.read(&warrant).audit(&filter, &cursors.request(&part)?).await?;
    reply::json(&cursors.list(page, AuditView::from))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "audit_tests.rs"]
mod tests;
