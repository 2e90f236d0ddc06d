//! `tollgate client …`.

use super::api::Manager;
use super::body::{Body, name_of};
use super::noun::{Form, Noun, column};
use crate::cli::args::{AccountState, ClientAdd, ClientSet, ClientVerb};
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
        ClientVerb::Add(ClientAdd { name, plan }) => {
            let body = Body::default().with("name", name.as_str());
            manager.create(&CLIENTS, &body.clearable("plan", plan.as_deref()).done()).await
        }
        ClientVerb::Set(args) => set(manager, args).await,
        ClientVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This deletes the app {id}, with its keys.");
            manager.remove(&CLIENTS, id, &warning, &format!("Deleted the app {id}.")).await
        }
    }
}

async fn set(manager: &mut Manager, args: &ClientSet) -> Result<(), Exit> {
    let ClientSet { id, name, plan, state } = args;
    if *state == Some(AccountState::Disabled) {
        let warning = format!("This disables the app {id}: every credential of it is refused.");
        manager.screen.confirm(&warning)?;
    }
    let body = Body::default()
        .maybe("name", name.as_deref())
        .clearable("plan", plan.as_deref())
        .maybe("state", state.map(name_of));
    manager.change(&CLIENTS, id, &body.done()).await
}
