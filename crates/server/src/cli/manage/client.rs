//! `tollgate client …`.

use http::Method;

use super::api::{Manager, object, path_of};
use super::body::{Body, name_of};
use super::noun::{Form, Noun, column, member};
use crate::ask::Answer;
use crate::cli::args::{AccountState, ClientAdd, ClientOAuth, ClientSet, ClientVerb};
use crate::exit::Exit;

const CLIENTS: Noun = Noun {
    path: "clients",
    id: "client_id",
    many: "apps",
    columns: &[
        column("id", "client_id", Form::Text),
        column("name", "name", Form::Text),
        column("type", "type", Form::Text),
        column("plan", "plan", Form::Text),
        column("state", "state", Form::Text),
    ],
    more: &[
        column("sent back to", "redirect_uris", Form::Texts),
        column("grants", "grants", Form::Texts),
        column("scopes", "scopes", Form::Texts),
        column("tokens for", "resources", Form::Texts),
        column("legacy", "legacy", Form::Flag),
        column("managed by", "owner", Form::Text),
        column("declared in the file", "declared", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &ClientVerb) -> Result<(), Exit> {
    match verb {
        ClientVerb::List(args) => manager.list(&CLIENTS, &Vec::new(), args).await,
        ClientVerb::Show(named) => manager.show(&CLIENTS, &named.id).await,
        ClientVerb::Add(args) => add(manager, args).await,
        ClientVerb::Secret(named) => {
            let path = path_of("clients", &named.id, "/secret")?;
            let answer = manager.ask(Method::POST, &path, None).await?;
            hand_over(manager, &answer)
        }
        ClientVerb::Set(args) => set(manager, args).await,
        ClientVerb::Remove(named) => {
            let id = &named.id;
            let warning =
                format!("This deletes the app {id}, with its keys and all that people allowed it.");
            manager.remove(&CLIENTS, id, &warning, &format!("Deleted the app {id}.")).await
        }
    }
}

async fn add(manager: &mut Manager, args: &ClientAdd) -> Result<(), Exit> {
    let ClientAdd { name, plan, kind, oauth } = args;
    let body = Body::default()
        .with("name", name.as_str())
        .maybe("type", kind.map(name_of))
        .clearable("plan", plan.as_deref());
    let body = with_oauth(body, oauth).done();
    let answer = manager.ask(Method::POST, "/api/v1/clients", Some(&body)).await?;
    manager.tell(&CLIENTS, &answer)?;
    let made = object(&answer)?;
    if manager.screen.json || made.get("client_secret").is_none() {
        return Ok(());
    }
    manager.screen.line(&member(&made, "client_secret"))?;
    manager.screen.say("The secret on the last line is shown this once.");
    Ok(())
}

/// Prints an app's secret, alone on stdout.
fn hand_over(manager: &mut Manager, answer: &Answer) -> Result<(), Exit> {
    if manager.screen.json {
        return manager.screen.raw(&answer.body);
    }
    manager.screen.line(&member(&object(answer)?, "client_secret"))?;
    manager.screen.say("The new secret is shown this once. The old one has ended.");
    Ok(())
}

/// The members by which an app signs people in, those that were given.
fn with_oauth(body: Body, args: &ClientOAuth) -> Body {
    let ClientOAuth { redirect_uri, post_logout_redirect_uri, grant, scope, .. } = args;
    body.list("redirect_uris", redirect_uri)
        .list("post_logout_redirect_uris", post_logout_redirect_uri)
        .list("grants", grant)
        .list("scopes", scope)
        .list("resources", &args.resource)
        .list("origins", &args.origin)
        .maybe("legacy", args.legacy)
        .maybe("user_header", args.user_header)
        .maybe("access_token_s", args.access_token_s)
        .maybe("refresh_token_s", args.refresh_token_s)
}

async fn set(manager: &mut Manager, args: &ClientSet) -> Result<(), Exit> {
    let ClientSet { id, name, plan, state, oauth } = args;
    if *state == Some(AccountState::Disabled) {
        let warning = format!("This disables the app {id}: every credential of it is refused.");
        manager.screen.confirm(&warning)?;
    }
    let body = Body::default()
        .maybe("name", name.as_deref())
        .clearable("plan", plan.as_deref())
        .maybe("state", state.map(name_of));
    let body = with_oauth(body, oauth);
    manager.change(&CLIENTS, id, &body.done()).await
}
