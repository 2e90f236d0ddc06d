//! `/admin/tools`: all tools, and a form for another one.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Banner, Cell, Column, Command, Empty, Head, Link, Summary, Table, Tone,
};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Query, Visit};
use tollgate_store::ToolRecord;

use super::form::{Fields, ToolForm, Wrong};
use super::{Saved, mode_said, words};
use crate::manage::tools;
use crate::state::{READ, ToolsState};

#[derive(Template)]
#[template(path = "tools.html")]
struct Page {
    w: Words,
    head: Head,
    banner: Option<Banner>,
    summary: Option<Summary>,
    none: Option<Empty>,
    table: Option<Table>,
    csrf: String,
    fields: Fields,
    command: Command,
}

/// `GET /admin/tools`.
pub(super) async fn show(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Query(saved): Query<Saved>,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let all = state.gate.read(&warrant).tools().await?;
    let mut page = page(&state, &visit, &all, &ToolForm::fresh(), None);
    page.banner =
        saved.saved.map(|_| Banner { tone: Tone::Ok, text: page.w.get("tool-saved"), link: None });
    visit.show(&page.head.title, &page)
}

/// `POST /admin/tools`.
pub(super) async fn make(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<ToolForm>,
) -> Reply {
    let made = match form.change(None) {
        Ok(change) => tools::make(&state, &caller, change).await,
        Err(error) => Err(error.with_param("id")),
    };
    let wrong = match made {
        Ok(tool) => return reply::see_other(&format!("/admin/tools/{}?saved=1", tool.id)),
        Err(error) => Wrong::of(error)?,
    };
    let warrant = state.allow(&caller, READ)?;
    let all = state.gate.read(&warrant).tools().await?;
    let page = page(&state, &visit, &all, &form, Some(&wrong));
    visit.show_as(StatusCode::BAD_REQUEST, None, &page.head.title, &page)
}

fn page(
    state: &ToolsState,
    visit: &Visit,
    all: &[ToolRecord],
    form: &ToolForm,
    wrong: Option<&Wrong>,
) -> Page {
    let w = words(visit);
    let fields = form.fields(w, true, wrong);
    let columns = ["tool", "address", "mode", "state"];
    let line = "tollgate tool add todo http://127.0.0.1:9000 \\\n  \
                --openapi-url http://127.0.0.1:9000/openapi.yaml";
    let table = Table {
        caption: w.get("tools-title"),
        columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
        rows: all.iter().map(|tool| row(state, w, tool)).collect(),
        next: None,
    };
    let none = Empty { text: w.get("tools-none"), action: None, command: None };
    Page {
        head: Head {
            title: w.get("tools-title"),
            lead: w.get("tools-lead"),
            action: Some(Link { href: "#make".to_owned(), text: w.get("tool-make") }),
        },
        banner: None,
        summary: fields.summary(),
        none: all.is_empty().then_some(none),
        table: (!all.is_empty()).then_some(table),
        csrf: visit.csrf(),
        fields,
        command: Command::same(w.locale(), line),
        w,
    }
}

fn row(state: &ToolsState, w: Words, tool: &ToolRecord) -> Vec<Cell> {
    let href = format!("/admin/tools/{}", tool.id);
    vec![
        Cell::Link(Link { href, text: tool.id.to_string() }),
        Cell::Code(state.places.address(tool)),
        Cell::Text(mode_said(w, &tool.auth)),
        Cell::Text(w.get(&format!("state-{}", tool.state.as_str()))),
    ]
}
