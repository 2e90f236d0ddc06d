//! `tollgate install …` and `tollgate connection …`.

use http::Method;
use serde_json::{Value, json};

use super::api::{Manager, object, path_of};
use super::body::Body;
use super::noun::{Form, Noun, column, member};
use super::secret;
use crate::cli::args::{
    ConnectionList, ConnectionVerb, InstallAccept, InstallAdd, InstallSecrets, InstallSet,
    InstallVerb,
};
use crate::exit::Exit;

const INSTALLS: Noun = Noun {
    path: "installs",
    id: "id",
    many: "tools of others",
    columns: &[
        column("id", "id", Form::Text),
        column("name", "name", Form::Text),
        column("domain", "domain", Form::Text),
        column("auth", "auth", Form::Text),
        column("state", "state", Form::Text),
    ],
    more: &[
        column("still needs", "needs", Form::Texts),
        column("suspended because", "suspended_because", Form::Text),
        column("calls go to", "api_url", Form::Text),
        column("client id", "client_id", Form::Text),
        column("has a secret", "has_secret", Form::Flag),
        column("redirect URI", "redirect_uri", Form::Text),
        column("signs people in at", "client_url", Form::Text),
        column("token endpoint", "authorization_url", Form::Text),
        column("scope", "scope", Form::Text),
        column("publish", "verification", Form::Text),
        column("found, waiting", "found", Form::Text),
        column("notice", "notice", Form::Text),
        column("hosts to confirm", "unconfirmed_hosts", Form::Texts),
        column("warnings", "warnings", Form::Text),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

/// What a look shows, before anything is kept.
const FOUND: Noun = Noun {
    path: "installs",
    id: "domain",
    many: "tools of others",
    columns: &[
        column("domain", "domain", Form::Text),
        column("name", "name", Form::Text),
        column("auth", "auth", Form::Text),
        column("calls go to", "api_url", Form::Text),
    ],
    more: &[
        column("description", "description", Form::Text),
        column("hash", "hash", Form::Text),
        column("hosts to confirm", "unconfirmed_hosts", Form::Texts),
        column("warnings", "warnings", Form::Text),
    ],
};

const CONNECTIONS: Noun = Noun {
    path: "connections",
    id: "id",
    many: "connections",
    columns: &[
        column("id", "id", Form::Text),
        column("tool", "name", Form::Text),
        column("person", "user", Form::Text),
        column("state", "state", Form::Text),
        column("token ends", "expires_at", Form::Moment),
    ],
    more: &[
        column("tool's id", "install", Form::Text),
        column("auth", "auth", Form::Text),
        column("calls go to", "url", Form::Text),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &InstallVerb) -> Result<(), Exit> {
    match verb {
        InstallVerb::List(args) => manager.list(&INSTALLS, &Vec::new(), args).await,
        InstallVerb::Look(args) => {
            let body = json!({ "domain": args.domain });
            let path = "/api/v1/installs/look";
            let answer = manager.ask(Method::POST, path, Some(&body)).await?;
            manager.tell(&FOUND, &answer)
        }
        InstallVerb::Show(named) => manager.show(&INSTALLS, &named.id).await,
        InstallVerb::Add(InstallAdd { domain, hash, secrets }) => {
            let body = Body::default().with("domain", domain.as_str());
            let body = body.maybe("hash", hash.as_deref());
            let body = with_secrets(manager, body, secrets)?;
            manager.create(&INSTALLS, &body.done()).await
        }
        InstallVerb::Set(args) => set(manager, args).await,
        InstallVerb::Verify(named) => verify(manager, &named.id).await,
        InstallVerb::Accept(InstallAccept { id, hash }) => {
            let body = json!({ "hash": hash });
            let path = path_of("installs", id, "/accept")?;
            let answer = manager.ask(Method::POST, &path, Some(&body)).await?;
            manager.tell(&INSTALLS, &answer)
        }
        InstallVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This removes the tool {id} and all connections to it.");
            let done = format!("Removed the tool {id}.");
            manager.remove(&INSTALLS, id, &warning, &done).await
        }
    }
}

async fn set(manager: &mut Manager, args: &InstallSet) -> Result<(), Exit> {
    let InstallSet { id, secrets, client_url, authorization_url, scope, .. } = args;
    let body = Body::default()
        .clearable("client_url", client_url.as_deref())
        .clearable("authorization_url", authorization_url.as_deref())
        .clearable("scope", scope.as_deref())
        .maybe("pkce", args.pkce)
        .maybe("state_optional", args.state_optional)
        .maybe("suspended", args.suspend.then_some(true));
    let body = with_secrets(manager, body, secrets)?;
    manager.change(&INSTALLS, id, &body.done()).await
}

fn with_secrets(manager: &mut Manager, body: Body, args: &InstallSecrets) -> Result<Body, Exit> {
    let screen = &mut manager.screen;
    let (env, file) = (args.service_token_env.as_deref(), args.service_token_file.as_deref());
    let token = secret::read("service token", env, file, screen)?;
    let (env, file) = (args.client_secret_env.as_deref(), args.client_secret_file.as_deref());
    let client_secret = secret::read("client secret", env, file, screen)?;
    Ok(body
        .maybe("service_token", token.as_ref().map(|token| token.expose()))
        .maybe("client_id", args.client_id.as_deref())
        .maybe("client_secret", client_secret.as_ref().map(|secret| secret.expose()))
        .list("confirmed_hosts", &args.confirm_hosts))
}

/// Tells what was found, and fails where the tool is not active then.
async fn verify(manager: &mut Manager, id: &str) -> Result<(), Exit> {
    let answer = manager.ask(Method::POST, &path_of("installs", id, "/verify")?, None).await?;
    let found = object(&answer)?;
    if manager.screen.json {
        manager.screen.raw(&answer.body)?;
    } else {
        let (result, state) = (member(&found, "result"), member(&found, "state"));
        manager.screen.line(&format!("{result}: the tool is {state}"))?;
    }
    if found.get("state").and_then(Value::as_str) == Some("active") {
        return Ok(());
    }
    Err(Exit::run_time(format!("the tool {id} is not active so")))
}

/// `tollgate connection …`.
pub(super) async fn connections(manager: &mut Manager, verb: &ConnectionVerb) -> Result<(), Exit> {
    match verb {
        ConnectionVerb::List(ConnectionList { install, page }) => {
            let query = install.iter().map(|id| ("install", id.clone())).collect();
            manager.list(&CONNECTIONS, &query, page).await
        }
        ConnectionVerb::Show(named) => manager.show(&CONNECTIONS, &named.id).await,
        ConnectionVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This ends the connection {id}: its credential is gone.");
            let done = format!("Ended the connection {id}.");
            manager.remove(&CONNECTIONS, id, &warning, &done).await
        }
    }
}
