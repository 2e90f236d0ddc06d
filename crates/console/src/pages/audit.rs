//! `/admin/audit`: who did what to what, newest first.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Command, Empty, Field, Head, Link, Table};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Query, Visit};
use tollgate_kernel::Timestamp;
use tollgate_store::AuditRecord;
use url::form_urlencoded;

use super::form::Control;
use super::parts::{Filter, ListPage, Rows, Section, Tabs};
use super::words;
use crate::audit::{AuditQuery, LIST, READ};
use crate::listing::Cursors;
use crate::state::ConsoleState;

/// Which records a page shows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditPage {
    /// Where the part before ended.
    cursor: Option<String>,
    /// By this actor.
    actor: Option<String>,
    /// Of this kind.
    action: Option<String>,
    /// Done to this.
    target: Option<String>,
}

/// `GET /admin/audit`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<AuditPage>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, READ)?;
    let AuditPage { cursor, actor, action, target } = part;
    let query = AuditQuery {
        limit: None,
        cursor,
        actor: actor.clone(),
        action: action.clone(),
        target: target.clone(),
    };
    let asked = [("actor", actor), ("action", action), ("target", target)];
    let asked = asked.map(|(name, text)| (name, text.unwrap_or_default()));
    let cursors = Cursors::new(&state.gate, LIST);
    let (part, filter) = query.split();
    let page = state.read(&warrant).audit(&filter, &cursors.request(&part)?).await?;
    let next = page.next.map(|key| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, text) in asked.iter().filter(|(_, text)| !text.is_empty()) {
            query.append_pair(name, text);
        }
        query.append_pair("cursor", &cursors.seal(&key));
        Link { href: format!("/admin/audit?{}", query.finish()), text: w.get("older") }
    });
    let rows = if page.items.is_empty() {
        Rows::Empty(Empty { text: w.get("audit-empty"), action: None, command: None })
    } else {
        let columns = ["when", "actor", "action", "target", "from", "request"];
        let now = state.now();
        Rows::Table(Table {
            caption: w.get("audit-caption"),
            columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
            rows: page.items.into_iter().map(|record| row(w, record, now)).collect(),
            next,
        })
    };
    let title = w.get("tab-audit");
    let origin = visit.exchange().edge().origin();
    let line =
        format!("curl {origin}/api/v1/audit -H \"Authorization: Bearer $TOLLGATE_ADMIN_KEY\"");
    let page = ListPage {
        tabs: Tabs::new(&visit, Section::Audit),
        head: Head { title: title.clone(), lead: w.get("audit-lead"), action: None },
        banner: None,
        filter: Some(filter_form(w, asked)),
        rows,
        links: Vec::new(),
        command: Command::same(visit.locale(), line),
    };
    visit.show(&title, &page)
}

fn filter_form(w: Words, asked: [(&'static str, String); 3]) -> Filter {
    let field = |(id, text): (&'static str, String)| {
        let label = w.get(&format!("column-{id}"));
        Control::Field(Field::new(id, "text", label).value(text).optional())
    };
    Filter { action: "/admin/audit", controls: asked.map(field).into(), submit: w.get("show") }
}

fn row(w: Words, record: AuditRecord, now: Timestamp) -> Vec<Cell> {
    let AuditRecord { at, actor, action, target, from, request, .. } = record;
    let none = || "–".to_owned();
    vec![
        Cell::ago(w.locale(), at, now),
        Cell::Code(actor),
        Cell::Code(action),
        Cell::Code(target),
        Cell::Text(from.unwrap_or_else(none)),
        Cell::Code(request.unwrap_or_else(none)),
    ]
}
