//! `tollgate user …`.

use http::Method;
use serde_json::json;

use super::api::{Manager, object, path_of};
use super::body::{Body, name_of};
use super::figures::moment;
use super::noun::{Form, Noun, column, member};
use super::profile::with_profile;
use super::{import, secret};
use crate::cli::args::{
    AccountState, Purpose, UserAdd, UserHash, UserLink, UserMembers, UserSet, UserVerb,
};
use crate::exit::Exit;

const USERS: Noun = Noun {
    path: "users",
    id: "id",
    many: "people",
    columns: &[
        column("id", "id", Form::Text),
        column("e-mail", "email", Form::Text),
        column("name", "name", Form::Text),
        column("role", "role", Form::Text),
        column("plan", "plan", Form::Text),
        column("groups", "groups", Form::Texts),
        column("state", "state", Form::Text),
    ],
    more: &[
        column("language", "locale", Form::Text),
        column("external id", "external_id", Form::Text),
        column("profile", "profile", Form::Text),
        column("has a password", "has_password", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &UserVerb) -> Result<(), Exit> {
    match verb {
        UserVerb::List(args) => manager.list(&USERS, &Vec::new(), args).await,
        UserVerb::Show(named) => {
            let id = manager.user_id(&named.id).await?;
            manager.show(&USERS, &id).await
        }
        UserVerb::Add(args) => add(manager, args).await,
        UserVerb::Import(args) => import::run(manager, &args.file).await,
        UserVerb::Set(args) => set(manager, args).await,
        UserVerb::Link(UserLink { user, purpose }) => {
            let id = manager.user_id(user).await?;
            link(manager, &id, *purpose).await
        }
        UserVerb::Remove(named) => {
            let id = manager.user_id(&named.id).await?;
            let name = &named.id;
            let warning = format!("This deletes {name}, with all keys and sessions.");
            manager.remove(&USERS, &id, &warning, &format!("Deleted {name}.")).await
        }
    }
}

async fn add(manager: &mut Manager, args: &UserAdd) -> Result<(), Exit> {
    let body = members(Body::default().with("email", args.email.as_str()), &args.members)?;
    let body = hashed(manager, body, &args.hash)?;
    let answer = manager.ask(Method::POST, "/api/v1/users", Some(&body.done())).await?;
    if manager.screen.json || manager.screen.quiet {
        // One answer, one line: a program that wants a link asks for it.
        return manager.tell(&USERS, &answer);
    }
    let user = object(&answer)?;
    let (email, id) = (member(&user, "email"), member(&user, "id"));
    manager.screen.say(&format!("Added {email} ({id})."));
    if user.get("has_password").is_some_and(|has| *has == true) {
        manager.screen.say("The password from elsewhere counts here too.");
        return Ok(());
    }
    link(manager, &id, Purpose::Invite).await
}

async fn set(manager: &mut Manager, args: &UserSet) -> Result<(), Exit> {
    let id = manager.user_id(&args.user).await?;
    if args.state == Some(AccountState::Disabled) {
        let user = &args.user;
        let warning = format!("This disables {user}: every credential of theirs is refused.");
        manager.screen.confirm(&warning)?;
    }
    let body = Body::default()
        .maybe("email", args.email.as_deref())
        .maybe("state", args.state.map(name_of));
    let body = hashed(manager, body, &args.hash)?;
    manager.change(&USERS, &id, &members(body, &args.members)?.done()).await
}

fn members(body: Body, args: &UserMembers) -> Result<Body, Exit> {
    let UserMembers { name, role, plan, groups, profile } = args;
    let body = body
        .maybe("name", name.as_deref())
        .maybe("role", role.map(name_of))
        .clearable("plan", plan.as_deref())
        .list("groups", groups);
    with_profile(body, profile)
}

/// With the hash of a password, if one was named.
fn hashed(manager: &mut Manager, body: Body, args: &UserHash) -> Result<Body, Exit> {
    let UserHash { password_hash_env, password_hash_file } = args;
    let (env, file) = (password_hash_env.as_deref(), password_hash_file.as_deref());
    let hash = secret::read("hash", env, file, &mut manager.screen)?;
    Ok(body.maybe("password_hash", hash.as_ref().map(|hash| hash.expose())))
}

/// Prints a link, alone on stdout: who holds it comes in.
async fn link(manager: &mut Manager, id: &str, purpose: Purpose) -> Result<(), Exit> {
    let body = json!({ "purpose": name_of(purpose) });
    let path = path_of("users", id, "/links")?;
    let answer = manager.ask(Method::POST, &path, Some(&body)).await?;
    if manager.screen.json {
        manager.screen.raw(&answer.body)?;
    } else {
        manager.screen.line(&member(&object(&answer)?, "url"))?;
    }
    let until = moment(&member(&object(&answer)?, "expires_at"));
    manager.screen.say(&format!(
        "The link is shown this once. It works once, until {until}; older links have ended."
    ));
    Ok(())
}
