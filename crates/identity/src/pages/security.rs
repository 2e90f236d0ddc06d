//! `/account/security`: password, sessions, and what happened lately.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Banner, Cell, Column, Command, Field, Head, Summary, Table, Tone,
};
use tollgate_edge::{Caller, Form, Path, Query, Reply, Visit, reply};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, PlainToken, Secret, SessionId, Timestamp, UserId};
use tollgate_store::{AuditFilter, AuditRecord, PageRequest, SessionRecord, UserRecord};

use super::linked::Linked;
use super::strength::Meter;
use super::{TEXTS, agent_of, banner, greeting, signed_in, style};
use crate::change_me::{MeChange, NewPassword, change_me, me};
use crate::check::{self, Mistake};
use crate::end_session::end_session;
use crate::list_sessions::list_sessions;
use crate::new_password::{Own, mistake_in};
use crate::state::IdentityState;

/// How many of the last events are shown.
const EVENTS: u32 = 10;

#[derive(Template)]
#[template(path = "security.html")]
struct Page {
    w: Words,
    style: String,
    head: Head,
    banner: Option<Banner>,
    summary: Option<Summary>,
    csrf: String,
    email: String,
    name: Field,
    current: Option<Field>,
    new: Field,
    meter: Meter,
    linked: Option<Linked>,
    sessions: Table,
    events: Option<Table>,
    command: Command,
}

/// The button that ends a session.
#[derive(Template)]
#[template(path = "end_session.html")]
struct EndButton<'a> {
    id: SessionId,
    csrf: &'a str,
    words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    saved: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameTyped {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordTyped {
    /// Shown so that password managers know whose password it is; not read.
    #[serde(default, rename = "username")]
    _username: String,
    current_password: Option<Secret>,
    password: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let mut page = page(&state.gate, &caller, &visit, &user, None).await?;
    page.banner = asked.saved.as_deref().and_then(|saved| match saved {
        "password" => banner(Tone::Ok, page.w.get("security-password-saved")),
        "linked" => banner(Tone::Ok, page.w.get("security-linked")),
        "unlinked" => banner(Tone::Ok, page.w.get("security-unlinked")),
        "last" => banner(Tone::Danger, page.w.get("security-last-way")),
        _ => banner(Tone::Ok, page.w.get("security-name-saved")),
    });
    let title = page.w.get("security-title");
    visit.show_as(StatusCode::OK, Some(greeting(&user)), &title, &page)
}

async fn again(
    state: &IdentityState,
    caller: &Arc<Principal>,
    visit: Visit,
    user: &UserRecord,
    wrong: Mistake,
) -> Reply {
    let page = page(&state.gate, caller, &visit, user, Some(wrong)).await?;
    let title = page.w.get("security-title");
    visit.show_as(StatusCode::UNPROCESSABLE_ENTITY, Some(greeting(user)), &title, &page)
}

pub(crate) async fn rename(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(typed): Form<NameTyped>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    if let Err(wrong) = check::name(&typed.name) {
        return again(&state, &caller, visit, &user, wrong).await;
    }
    let change = MeChange { name: Some(typed.name), ..MeChange::default() };
    change_me(&state, &caller, change).await?;
    reply::see_other("/account/security?saved=name")
}

pub(crate) async fn password(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    visit: Visit,
    Form(typed): Form<PasswordTyped>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let plain = |secret: &Secret| PlainToken::new(secret.expose().to_owned());
    let new = plain(&typed.password);
    let own = Own { email: &user.email, name: &user.name };
    if let Some(wrong) = mistake_in(&new, own).await? {
        return again(&state, &caller, visit, &user, wrong).await;
    }
    let current = typed.current_password.as_ref().map(plain);
    let password = Some(NewPassword { current, new });
    let change = MeChange { password, agent: agent_of(&headers), ..MeChange::default() };
    match change_me(&state, &caller, change).await {
        Ok((_, started)) => {
            let response = reply::see_other("/account/security?saved=password")?;
            let edge = visit.exchange().edge();
            match started {
                Some(started) => Ok(signed_in(response, edge, &started)?),
                None => Ok(response),
            }
        }
        Err(error) if error.param() == Some(Mistake::PasswordWrong.param()) => {
            again(&state, &caller, visit, &user, Mistake::PasswordWrong).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn end(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<SessionId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    end_session(&state.gate, &caller, id).await?;
    reply::see_other("/account/security#sessions")
}

async fn page(
    gate: &Gate,
    caller: &Arc<Principal>,
    visit: &Visit,
    user: &UserRecord,
    wrong: Option<Mistake>,
) -> Result<Page, Error> {
    let w = visit.words(&TEXTS);
    let now = gate.clock().now();
    let csrf = visit.csrf();
    let error = |param: &str| {
        wrong.filter(|mistake| mistake.param() == param).map(|mistake| mistake.words(&w))
    };
    let name = Field::new("name", "text", w.get("field-name"))
        .autocomplete("name")
        .value(&user.name)
        .error(error("name"))
        .optional();
    let current = user.has_password.then(|| {
        Field::new("current_password", "password", w.get("field-current-password"))
            .autocomplete("current-password")
            .error(error("current_password"))
    });
    let new = Field::new("password", "password", w.get("field-new-password"))
        .autocomplete("new-password")
        .hint(w.get("field-password-hint"))
        .error(error("password"));
    let mut fields = vec![&name, &new];
    fields.extend(&current);
    let request = PageRequest::first(PageRequest::MAX);
    let found = list_sessions(gate, caller, Some(user.id), &request).await?;
    let line = format!("tollgate user link {} --purpose reset", user.email);
    Ok(Page {
        style: style(visit),
        head: Head { title: w.get("security-title"), lead: w.get("security-lead"), action: None },
        banner: None,
        summary: Summary::of(w.locale(), &fields),
        linked: Linked::of(gate, caller, user, &w, &csrf).await?,
        sessions: sessions(&w, now, caller, found.items, &csrf)?,
        events: events(&w, now, user.id, &own_events(gate, caller, user.id).await?),
        command: Command::same(w.locale(), line),
        email: user.email.clone(),
        csrf,
        name,
        current,
        new,
        meter: Meter::new(visit),
        w,
    })
}

fn sessions(
    w: &Words,
    now: Timestamp,
    caller: &Principal,
    list: Vec<SessionRecord>,
    csrf: &str,
) -> Result<Table, Error> {
    let columns = vec![
        Column::text(w.get("column-browser")),
        Column::text(w.get("column-network")),
        Column::text(w.get("column-since")),
        Column::text(w.get("column-last-seen")),
        Column::text(w.get("column-end")),
    ];
    let own = caller.credential().session();
    let mut rows = Vec::with_capacity(list.len());
    for session in list.into_iter().rev() {
        let last = if own == Some(session.id) {
            Cell::Text(w.get("this-browser"))
        } else {
            let button = EndButton { id: session.id, csrf, words: w.get("end-session") };
            Cell::Part(button.render().map_err(Error::internal)?)
        };
        rows.push(vec![
            Cell::Text(browser(session.agent.as_deref()).unwrap_or_else(|| w.get("unknown"))),
            Cell::Code(session.network.unwrap_or_default()),
            Cell::ago(w.locale(), session.created_at, now),
            Cell::ago(w.locale(), session.last_seen_at, now),
            last,
        ]);
    }
    Ok(Table { caption: w.get("security-sessions"), columns, rows, next: None })
}

/// What a browser calls itself, in few words: the program and the system, where they are known.
fn browser(agent: Option<&str>) -> Option<String> {
    let agent = agent?;
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // The order matters: every browser also calls itself by the names of those below it here.
    let program = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => Some(format!("{program}, {system}")),
        (Some(name), None) => Some(name.to_owned()),
        _ => Some(agent.chars().take(60).collect()),
    }
}

/// What the person did lately and what was done to their account: the queries name them as the
/// actor and as the target. Signing in has no actor yet.
async fn own_events(
    gate: &Gate,
    caller: &Arc<Principal>,
    user: UserId,
) -> Result<Vec<AuditRecord>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Me))?;
    let own = Some(format!("user:{user}"));
    let by_them = AuditFilter { actor: own.clone(), ..AuditFilter::default() };
    let to_them = AuditFilter { target: own, ..AuditFilter::default() };
    let (reader, request) = (gate.read(&warrant), PageRequest::first(EVENTS));
    let mut events = reader.audit(&by_them, &request).await?.items;
    events.extend(reader.audit(&to_them, &request).await?.items);
    events.sort_by_key(|event| std::cmp::Reverse(event.seq));
    events.dedup_by_key(|event| event.seq);
    events.truncate(usize::try_from(EVENTS).unwrap_or(usize::MAX));
    Ok(events)
}

/// The events that pages have words for; others are shown by their names.
const KNOWN: [&str; 23] = [
    "session.create",
    "session.end",
    "identity.sign_in",
    "identity.sign_up",
    "identity.link",
    "identity.unlink",
    "provider.exchange",
    "key.create",
    "key.update",
    "key.rotate",
    "key.revoke",
    "user.change_password",
    "user.change_self",
    "user.sign_up",
    "user.create",
    "user.update",
    "owner.create",
    "link.create.sign_in",
    "link.create.reset",
    "link.create.invite",
    "link.use.sign_in",
    "link.use.reset",
    "link.use.invite",
];

fn said_event(w: &Words, action: &str) -> Cell {
    if KNOWN.contains(&action) {
        return Cell::Text(w.get(&format!("event-{}", action.replace(['.', '_'], "-"))));
    }
    Cell::Code(action.to_owned())
}

fn events(w: &Words, now: Timestamp, own: UserId, list: &[AuditRecord]) -> Option<Table> {
    let columns = vec![
        Column::text(w.get("column-when")),
        Column::text(w.get("column-what")),
        Column::text(w.get("column-network")),
    ];
    let own = format!("user:{own}");
    let row = |event: &AuditRecord| {
        // Where others were when they changed this account is not this person's to know.
        let from = event.from.clone().filter(|_| event.actor == own || event.actor == "anonymous");
        vec![
            Cell::ago(w.locale(), event.at, now),
            said_event(w, &event.action),
            Cell::Code(from.unwrap_or_default()),
        ]
    };
    let rows: Vec<Vec<Cell>> = list.iter().map(row).collect();
    let caption = w.get("security-events");
    (!rows.is_empty()).then_some(Table { caption, columns, rows, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_in_few_words() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                    Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        assert_eq!(browser(Some(edge)).as_deref(), Some("Edge, Windows"));
        assert_eq!(browser(Some("curl/8.5.0")).as_deref(), Some("curl"));
        assert_eq!(browser(Some("my own thing")).as_deref(), Some("my own thing"));
        assert_eq!(browser(None), None);
    }
}
