//! `tollgate provider …`.

use http::Method;
use serde_json::{Map, Value};

use super::api::{Manager, object, path_of};
use super::body::{Body, name_of};
use super::noun::{Form, Noun, column, member};
use super::screen::Sheet;
use super::secret;
use crate::cli::args::{ProviderAdd, ProviderMembers, ProviderSet, ProviderVerb};
use crate::exit::Exit;

const PROVIDERS: Noun = Noun {
    path: "providers",
    id: "id",
    many: "sign-in providers",
    columns: &[
        column("id", "id", Form::Text),
        column("kind", "kind", Form::Text),
        column("client id", "client_id", Form::Text),
        column("has a secret", "has_client_secret", Form::Flag),
        column("in use", "enabled", Form::Flag),
        column("redirect URI", "redirect_uri", Form::Text),
    ],
    more: &[
        column("name", "name", Form::Text),
        column("issuer", "issuer", Form::Text),
        column("auth method", "auth_method", Form::Text),
        column("endpoints", "endpoints", Form::Text),
        column("fields", "fields", Form::Text),
        column("scopes", "scopes", Form::Texts),
        column("declared in the file", "declared", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &ProviderVerb) -> Result<(), Exit> {
    match verb {
        ProviderVerb::List(args) => manager.list(&PROVIDERS, &Vec::new(), args).await,
        ProviderVerb::Show(named) => manager.show(&PROVIDERS, &named.id).await,
        ProviderVerb::Add(ProviderAdd { id, kind, client_id, members }) => {
            let body = Body::default()
                .with("id", id.as_str())
                .with("kind", name_of(*kind))
                .with("client_id", client_id.as_str());
            let body = with_members(manager, body, members)?;
            manager.create(&PROVIDERS, &body.done()).await
        }
        ProviderVerb::Set(args) => set(manager, args).await,
        ProviderVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This deletes {id}: nobody signs in with it any more.");
            let done = format!("Deleted the sign-in provider {id}.");
            manager.remove(&PROVIDERS, id, &warning, &done).await
        }
        ProviderVerb::Test(named) => test(manager, &named.id).await,
    }
}

async fn set(manager: &mut Manager, args: &ProviderSet) -> Result<(), Exit> {
    let ProviderSet { id, kind, client_id, no_client_secret, members } = args;
    let mut body =
        Body::default().maybe("kind", kind.map(name_of)).maybe("client_id", client_id.as_deref());
    if *no_client_secret {
        manager.screen.confirm(&format!("This deletes our secret at {id}."))?;
        body = body.with("client_secret", Value::Null);
    }
    let body = with_members(manager, body, members)?;
    manager.change(&PROVIDERS, id, &body.done()).await
}

fn with_members(
    manager: &mut Manager,
    body: Body,
    members: &ProviderMembers,
) -> Result<Body, Exit> {
    let ProviderMembers { client_secret_env, client_secret_file, name, issuer, .. } = members;
    let ProviderMembers { auth_method, endpoints, fields, scopes, enabled, .. } = members;
    let screen = &mut manager.screen;
    let (env, file) = (client_secret_env.as_deref(), client_secret_file.as_deref());
    let secret = secret::read("client secret", env, file, screen)?;
    let body = body
        .maybe("client_secret", secret.as_ref().map(|secret| secret.expose()))
        .clearable("name", name.as_deref())
        .clearable("issuer", issuer.as_deref())
        .clearable("auth_method", auth_method.as_deref())
        .maybe("enabled", *enabled);
    let body = pairs(pairs(body, "endpoints", endpoints), "fields", fields);
    if scopes.iter().any(|scope| !scope.is_empty()) {
        return Ok(body.list("scopes", scopes));
    }
    Ok(if scopes.is_empty() { body } else { body.with("scopes", Value::Null) })
}

/// An object of names, if any was given; an empty value takes its name away.
fn pairs(body: Body, name: &str, pairs: &[(String, String)]) -> Body {
    if pairs.is_empty() {
        return body;
    }
    let value = |value: &String| match value.as_str() {
        "" => Value::Null,
        text => Value::from(text),
    };
    let members: Map<String, Value> =
        pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    body.with(name, members)
}

/// Tells what was found, and fails where people cannot sign in.
async fn test(manager: &mut Manager, id: &str) -> Result<(), Exit> {
    let answer = manager.ask(Method::POST, &path_of("providers", id, "/test")?, None).await?;
    let found = object(&answer)?;
    let findings = found.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    if manager.screen.json {
        manager.screen.raw(&answer.body)?;
    } else {
        let row = |finding: &Value| {
            let detail = finding.get("detail").and_then(Value::as_str);
            let detail = detail.map(|text| format!(" ({text})")).unwrap_or_default();
            (member(finding, "part"), format!("{}{detail}", member(finding, "code")))
        };
        manager.screen.sheet(Sheet::pairs(findings.iter().map(row).collect()))?;
    }
    if findings.iter().all(|finding| finding.get("ok") == Some(&Value::Bool(true))) {
        return Ok(());
    }
    Err(Exit::run_time(format!("people cannot sign in with {id} so")))
}
