//! `tollgate tool …`.

use http::Method;
use serde_json::{Map, Value, json};

use super::api::{Manager, Query, escaped, object, path_of};
use super::body::{Body, name_of};
use super::noun::{Form, Noun, column, member};
use super::screen::Sheet;
use super::secret;
use crate::ask::Answer;
use crate::cli::args::{
    GivenToken, PluginOf, ToolAdd, ToolCallbackVerb, ToolMembers, ToolService, ToolSet,
    ToolStateName, ToolTokenVerb, ToolVerb, ToolVerificationVerb,
};
use crate::exit::Exit;

const TOOLS: Noun = Noun {
    path: "tools",
    id: "id",
    many: "tools",
    columns: &[
        column("id", "id", Form::Text),
        column("address", "address", Form::Text),
        column("API", "upstream_url", Form::Text),
        column("callers", "auth", Form::Text),
        column("state", "state", Form::Text),
    ],
    more: &[
        column("manifest", "manifest_url", Form::Text),
        column("host", "host", Form::Text),
        column("path", "path", Form::Text),
        column("sent to its API", "upstream_auth", Form::Text),
        column("OpenAPI document", "openapi_url", Form::Text),
        column("said of it", "manifest", Form::Text),
        column("published for services", "verification_tokens", Form::Text),
        column("time-outs", "timeouts", Form::Text),
        column("declared in the file", "declared", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &ToolVerb) -> Result<(), Exit> {
    match verb {
        ToolVerb::List(args) => manager.list(&TOOLS, &Vec::new(), args).await,
        ToolVerb::Show(named) => manager.show(&TOOLS, &named.id).await,
        ToolVerb::Add(ToolAdd { id, upstream_url, members }) => {
            let body =
                Body::default().with("id", id.as_str()).with("upstream_url", upstream_url.as_str());
            let body = with_members(manager, body, members)?;
            manager.create(&TOOLS, &body.done()).await
        }
        ToolVerb::Set(args) => set(manager, args).await,
        ToolVerb::Remove(named) => {
            let id = &named.id;
            let warning =
                format!("This removes {id}, with its service tokens and all keys for it.");
            manager.remove(&TOOLS, id, &warning, &format!("Removed the tool {id}.")).await
        }
        ToolVerb::Token(verb) => token(manager, verb).await,
        ToolVerb::Verification(verb) => verification(manager, verb).await,
        ToolVerb::Callback(verb) => callback(manager, verb).await,
    }
}

async fn set(manager: &mut Manager, args: &ToolSet) -> Result<(), Exit> {
    let ToolSet { id, upstream_url, state, no_upstream_auth, members } = args;
    if *state == Some(ToolStateName::Disabled) {
        manager.screen.confirm(&format!("This disables {id}: nobody can call it."))?;
    }
    let mut body = Body::default()
        .maybe("upstream_url", upstream_url.as_deref())
        .maybe("state", state.map(name_of));
    if *no_upstream_auth {
        manager.screen.confirm(&format!("This deletes our secret at the API of {id}."))?;
        body = body.with("upstream_auth", Value::Null);
    }
    let body = with_members(manager, body, members)?;
    manager.change(&TOOLS, id, &body.done()).await
}

fn with_members(manager: &mut Manager, body: Body, members: &ToolMembers) -> Result<Body, Exit> {
    let body = body
        .clearable("host", members.host.as_deref())
        .clearable("path", members.path.as_deref())
        .clearable("openapi_url", members.openapi_url.as_deref())
        .maybe("openapi", document(members)?)
        .maybe("upstream_auth", upstream_auth(manager, members)?);
    let body = auth(body, members)?;
    if members.manifest.is_empty() {
        return Ok(body);
    }
    let manifest = members.manifest.iter();
    let manifest: Map<String, Value> =
        manifest.map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect();
    Ok(body.with("manifest", manifest))
}

/// The OpenAPI document of a file.
fn document(members: &ToolMembers) -> Result<Option<String>, Exit> {
    let Some(path) = &members.openapi else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Exit::io(format!("cannot read {}", path.display()), &error))?;
    Ok(Some(text))
}

fn upstream_auth(manager: &mut Manager, members: &ToolMembers) -> Result<Option<Value>, Exit> {
    let (env, file) =
        (members.upstream_secret_env.as_deref(), members.upstream_secret_file.as_deref());
    let (header, user) = (&members.upstream_header, &members.upstream_user);
    if header.is_none() && user.is_none() {
        if env.is_some() || file.is_some() {
            let what = "a secret needs --upstream-header or --upstream-user";
            return Err(Exit::usage(what.to_owned()));
        }
        return Ok(None);
    }
    let secret = secret::read("secret", env, file, &mut manager.screen)?;
    let Some(secret) = secret else {
        let what = "name the secret with --upstream-secret-env or --upstream-secret-file";
        return Err(Exit::usage(what.to_owned()));
    };
    Ok(Some(match (header, user) {
        (Some(name), _) => json!({ "type": "header", "name": name, "value": secret.expose() }),
        (None, user) => {
            json!({ "type": "basic", "username": user, "password": secret.expose() })
        }
    }))
}

/// The mode, with what belongs to it: the API takes all of it at once.
fn auth(body: Body, members: &ToolMembers) -> Result<Body, Exit> {
    let ToolMembers { authorization_type, scope, authorization_content_type, .. } = members;
    let more =
        authorization_type.is_some() || scope.is_some() || authorization_content_type.is_some();
    let Some(mode) = members.auth else {
        let what = "name the mode with --auth too";
        return if more { Err(Exit::usage(what.to_owned())) } else { Ok(body) };
    };
    let auth = Body::default()
        .with("type", name_of(mode))
        .maybe("authorization_type", authorization_type.as_deref())
        .maybe("scope", scope.as_deref())
        .maybe("authorization_content_type", authorization_content_type.as_deref());
    Ok(body.with("auth", auth.done()))
}

async fn token(manager: &mut Manager, verb: &ToolTokenVerb) -> Result<(), Exit> {
    match verb {
        ToolTokenVerb::List(of) => {
            let path = path_of("tools", &of.tool, "/service-tokens")?;
            let columns = ["service", "state", "tail", "last_used_at", "id"];
            list(manager, &path, &columns).await
        }
        ToolTokenVerb::Add(args) => {
            let path = path_of("tools", &args.of.tool, "/service-tokens")?;
            let body = Body::default().with("service", args.of.service.as_str());
            let body = given(manager, body, &args.given)?;
            let answer = manager.ask(Method::POST, &path, Some(&body.done())).await?;
            hand_over(manager, &answer, "The token is shown this once.")
        }
        ToolTokenVerb::Rotate(args) => {
            let path = format!("{}/rotate", service_path(manager, &args.of).await?);
            let body = Body::default().with("overlap_s", args.overlap_s);
            let body = given(manager, body, &args.given)?;
            let answer = manager.ask(Method::POST, &path, Some(&body.done())).await?;
            let old = match args.overlap_s {
                0 => "The old one has ended.".to_owned(),
                overlap_s => format!("The old one works for {overlap_s} more seconds."),
            };
            hand_over(manager, &answer, &format!("The new token is shown this once. {old}"))
        }
        ToolTokenVerb::Remove(of) => {
            let path = service_path(manager, of).await?;
            let ToolService { tool, service } = of;
            manager.screen.confirm(&format!("This cuts {service} off from {tool} for good."))?;
            manager.ask(Method::DELETE, &path, None).await?;
            manager.screen.say(&format!("Cut {service} off from {tool}."));
            Ok(())
        }
    }
}

/// A token that is taken over, if one is.
fn given(manager: &mut Manager, body: Body, given: &GivenToken) -> Result<Body, Exit> {
    let (env, file) = (given.token_env.as_deref(), given.token_file.as_deref());
    let token = secret::read("token", env, file, &mut manager.screen)?;
    Ok(body.maybe("token", token.as_ref().map(|token| token.expose())))
}

/// Prints a token, alone on stdout.
fn hand_over(manager: &mut Manager, answer: &Answer, said: &str) -> Result<(), Exit> {
    if manager.screen.json {
        return manager.screen.raw(&answer.body);
    }
    manager.screen.line(&member(&object(answer)?, "token"))?;
    manager.screen.say(said);
    Ok(())
}

/// The path of the token of a service that works; `service` may be its id too.
async fn service_path(manager: &mut Manager, of: &ToolService) -> Result<String, Exit> {
    let all = path_of("tools", &of.tool, "/service-tokens")?;
    let answer = manager.ask(Method::GET, &all, None).await?;
    let items = object(&answer)?.get("items").and_then(Value::as_array).cloned();
    let is_it = |token: &&Value| {
        let active = token.get("state").is_some_and(|state| state == "active");
        member(token, "id") == of.service || (active && member(token, "service") == of.service)
    };
    let items = items.unwrap_or_default();
    let found = items.iter().find(is_it).map(|token| member(token, "id"));
    let id =
        found.ok_or_else(|| Exit::usage(format!("{} has no token for {}", of.tool, of.service)))?;
    Ok(format!("{all}/{id}"))
}

async fn verification(manager: &mut Manager, verb: &ToolVerificationVerb) -> Result<(), Exit> {
    let place = |of: &ToolService| {
        path_of("tools", &of.tool, &format!("/verification-tokens/{}", escaped(&of.service)?))
    };
    match verb {
        ToolVerificationVerb::Set(args) => {
            let body = json!({ "token": args.token });
            let answer = manager.ask(Method::PUT, &place(&args.of)?, Some(&body)).await?;
            manager.tell(&TOOLS, &answer)
        }
        ToolVerificationVerb::Remove(of) => {
            let ToolService { tool, service } = of;
            let warning = format!("{service} will not find what it looks for at {tool} any more.");
            manager.screen.confirm(&warning)?;
            manager.ask(Method::DELETE, &place(of)?, None).await?;
            manager.screen.say(&format!("Published no longer for {service}."));
            Ok(())
        }
    }
}

async fn callback(manager: &mut Manager, verb: &ToolCallbackVerb) -> Result<(), Exit> {
    let (of, accepted) = match verb {
        ToolCallbackVerb::List(of) => {
            let path = path_of("tools", &of.tool, "/callbacks")?;
            return list(manager, &path, &["plugin_id", "accepted", "seen_at"]).await;
        }
        ToolCallbackVerb::Accept(of) => (of, true),
        ToolCallbackVerb::Refuse(of) => (of, false),
    };
    let PluginOf { tool, plugin_id } = of;
    let path = path_of("tools", tool, &format!("/callbacks/{}", escaped(plugin_id)?))?;
    let answer = manager.ask(Method::PUT, &path, Some(&json!({ "accepted": accepted }))).await?;
    if manager.screen.json {
        return manager.screen.raw(&answer.body);
    }
    let said = if accepted { "may sign people in to" } else { "may not sign people in to" };
    manager.screen.say(&format!("{plugin_id} {said} {tool}."));
    Ok(())
}

/// Lists what stands at `path`, with these members as columns.
async fn list(manager: &mut Manager, path: &str, columns: &[&str]) -> Result<(), Exit> {
    let args = crate::cli::args::ListArgs::default();
    let all = manager.follow(path, &Query::new(), &args).await?;
    if manager.screen.json {
        return manager.screen.raw(&all.json());
    }
    let titles: Vec<(&str, bool)> = columns.iter().map(|name| (*name, false)).collect();
    let mut sheet = Sheet::new(&titles);
    for item in &all.items {
        sheet.row(columns.iter().map(|name| member(item, name)).collect());
    }
    manager.screen.sheet(sheet)
}
