//! `tollgate key …`.

use http::Method;
use serde_json::{Value, json};

use super::api::{Manager, Query, object, path_of};
use super::body::Body;
use super::figures::moment;
use super::noun::{Form, Noun, column, member};
use crate::ask::Answer;
use crate::cli::args::{KeyAdd, KeyList, KeyRotate, KeySet, KeyVerb};
use crate::exit::Exit;

const KEYS: Noun = Noun {
    path: "keys",
    id: "id",
    many: "keys",
    columns: &[
        column("id", "id", Form::Text),
        column("name", "name", Form::Text),
        column("kind", "kind", Form::Text),
        column("ends with", "tail", Form::Text),
        column("state", "state", Form::Text),
        column("expires", "expires_at", Form::Moment),
        column("last used", "last_used_at", Form::Moment),
    ],
    more: &[
        column("from", "last_used_from", Form::Text),
        column("person", "user", Form::Text),
        column("app", "client", Form::Text),
        column("tool", "tool", Form::Text),
        column("models", "models", Form::Texts),
        column("networks", "networks", Form::Texts),
        column("rates", "rates", Form::Rates),
        column("budgets", "budgets", Form::Budgets),
        column("made", "created_at", Form::Moment),
        column("made by", "created_by", Form::Text),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &KeyVerb) -> Result<(), Exit> {
    match verb {
        KeyVerb::List(args) => list(manager, args).await,
        KeyVerb::Show(named) => manager.show(&KEYS, &named.id).await,
        KeyVerb::Add(args) => add(manager, args).await,
        KeyVerb::Set(args) => set(manager, args).await,
        KeyVerb::Rotate(args) => rotate(manager, args).await,
        KeyVerb::Revoke(named) => {
            let id = &named.id;
            let warning = format!("This ends the key {id} for good: calls with it are refused.");
            manager.remove(&KEYS, id, &warning, &format!("Revoked the key {id}.")).await
        }
    }
}

async fn list(manager: &mut Manager, args: &KeyList) -> Result<(), Exit> {
    let mut query = Query::new();
    if let Some(user) = &args.user {
        query.push(("user", manager.user_id(user).await?));
    }
    query.extend(args.client.iter().map(|client| ("client", client.clone())));
    if args.active {
        query.push(("active", "true".to_owned()));
    }
    manager.list(&KEYS, &query, &args.list).await
}

async fn add(manager: &mut Manager, args: &KeyAdd) -> Result<(), Exit> {
    let user = match &args.user {
        Some(user) => Some(manager.user_id(user).await?),
        None => None,
    };
    let body = Body::default()
        .with("name", args.name.as_str())
        .maybe("user", user)
        .maybe("client", args.client.as_deref())
        .maybe("admin", args.admin.then_some(true))
        .maybe("tool", args.tool.as_deref())
        .list("models", &args.models)
        .list("networks", &args.networks)
        .rates(&args.rates)
        .budgets("budgets", &args.budgets, false)
        .maybe("expires_at", args.expires_at.as_deref());
    let answer = manager.ask(Method::POST, "/api/v1/keys", Some(&body.done())).await?;
    let key = hand_over(manager, &answer)?;
    let ends = key.get("expires_at").and_then(Value::as_str).map(moment);
    manager.screen.say(&format!(
        "The key {} ({}) is shown this once. It lasts until {}.",
        member(&key, "name"),
        member(&key, "id"),
        ends.as_deref().unwrap_or("it is revoked"),
    ));
    Ok(())
}

async fn set(manager: &mut Manager, args: &KeySet) -> Result<(), Exit> {
    let mut body = Body::default()
        .maybe("name", args.name.as_deref())
        .list("models", &args.models)
        .list("networks", &args.networks)
        .rates(&args.rates)
        .budgets("budgets", &args.budgets, args.no_budgets)
        .maybe("expires_at", args.expires_at.as_deref())
        .done();
    // The API takes all rates of a key at once: those that were not named stay.
    if let Some(named) = body.get("rates").and_then(Value::as_object).cloned() {
        let answer = manager.ask(Method::GET, &path_of("keys", &args.id, "")?, None).await?;
        let before = object(&answer)?.get("rates").and_then(Value::as_object).cloned();
        let mut rates = before.unwrap_or_default();
        rates.extend(named);
        rates.retain(|_, rate| !rate.is_null());
        if let Some(members) = body.as_object_mut() {
            members.insert("rates".to_owned(), Value::Object(rates));
        }
    }
    manager.change(&KEYS, &args.id, &body).await
}

async fn rotate(manager: &mut Manager, args: &KeyRotate) -> Result<(), Exit> {
    let path = path_of("keys", &args.id, "/rotate")?;
    let body = json!({ "overlap_s": args.overlap_s });
    let answer = manager.ask(Method::POST, &path, Some(&body)).await?;
    hand_over(manager, &answer)?;
    let old = match args.overlap_s {
        0 => "The old one has ended.".to_owned(),
        overlap_s => format!("The old one works for {overlap_s} more seconds."),
    };
    manager.screen.say(&format!("The new secret is shown this once. {old}"));
    Ok(())
}

/// Prints the secret of a key, alone on stdout, and gives the key.
fn hand_over(manager: &mut Manager, answer: &Answer) -> Result<Value, Exit> {
    let key = object(answer)?;
    if manager.screen.json {
        manager.screen.raw(&answer.body)?;
    } else {
        manager.screen.line(&member(&key, "key"))?;
    }
    Ok(key)
}
