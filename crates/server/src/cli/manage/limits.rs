//! `tollgate limits`.

use http::Method;
use serde_json::Value;

use super::api::{Manager, Query, from_here, object, refusal, with_query};
use super::figures::{amount, moment};
use super::noun::member;
use super::screen::Sheet;
use super::secret;
use crate::ask::{Answer, Asker};
use crate::cli::args::LimitsArgs;
use crate::exit::Exit;

const TITLES: [(&str, bool); 8] = [
    ("scope", false),
    ("unit", false),
    ("period", false),
    ("limit", true),
    ("used", true),
    ("held", true),
    ("left", true),
    ("resets", false),
];

/// Said where there is nothing to show.
const NOTHING: &str = "No budget counts here: calls are not limited by one.";

pub(super) async fn run(manager: &mut Manager, args: &LimitsArgs) -> Result<(), Exit> {
    let answer = match &args.key_env {
        None => {
            let path = with_query("/api/v1/limits", &query(manager, args).await?);
            manager.ask(Method::GET, &path, None).await?
        }
        Some(name) => of_key(manager, name).await?,
    };
    if manager.screen.json {
        return manager.screen.raw(&answer.body);
    }
    let list = object(&answer)?;
    let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if items.is_empty() {
        manager.screen.say(NOTHING);
        return Ok(());
    }
    let mut sheet = Sheet::new(&TITLES);
    for item in &items {
        sheet.row(row(item));
    }
    manager.screen.sheet(sheet)
}

/// Whose limits are asked for.
async fn query(manager: &Manager, args: &LimitsArgs) -> Result<Query, Exit> {
    let LimitsArgs { user, client, key, group, model, key_env: _ } = args;
    let named = [("client", client), ("key", key), ("group", group), ("model", model)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let mut query: Query = named.collect();
    if let Some(user) = user {
        query.push(("user", manager.user_id(user).await?));
    }
    Ok(query)
}

/// What is left for the holder of a key: asked with that key, at the door that the holder uses.
async fn of_key(manager: &Manager, name: &str) -> Result<Answer, Exit> {
    let key = secret::of_environment(name)?;
    let mut asker = Asker::tcp(from_here(manager.listen), Some(key.expose().trim())).await?;
    let answer = asker.ask(Method::GET, "/api/v1/me/limits", None).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
}

fn row(item: &Value) -> Vec<String> {
    let scope = item.get("scope").unwrap_or(&Value::Null);
    let (kind, id) = (member(scope, "kind"), scope.get("id").and_then(Value::as_str));
    let scope = match id.filter(|id| !id.is_empty()) {
        Some(id) => format!("{kind} {id}"),
        None => kind,
    };
    let unit = member(item, "unit");
    let of = |name: &str| amount(&unit, item.get(name).and_then(Value::as_i64).unwrap_or_default());
    let figures = [of("limit"), of("used"), of("held"), of("left")];
    let mut cells = vec![scope, unit.clone(), member(item, "period")];
    cells.extend(figures);
    cells.push(moment(&member(item, "resets_at")));
    cells
}
