//! `tollgate group …`.

use super::api::Manager;
use super::body::Body;
use super::noun::{Form, Noun, column};
use crate::cli::args::{GroupMembers, GroupVerb};
use crate::exit::Exit;

const GROUPS: Noun = Noun {
    path: "groups",
    id: "id",
    many: "groups",
    columns: &[
        column("id", "id", Form::Text),
        column("name", "name", Form::Text),
        column("plan", "plan", Form::Text),
        column("priority", "priority", Form::Count),
        column("pool", "pool", Form::Budgets),
        column("people", "members", Form::Length),
    ],
    more: &[
        column("members", "members", Form::Texts),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &GroupVerb) -> Result<(), Exit> {
    match verb {
        GroupVerb::List(args) => manager.list(&GROUPS, &Vec::new(), args).await,
        GroupVerb::Show(named) => manager.show(&GROUPS, &named.id).await,
        GroupVerb::Add(args) => {
            let body = body(manager, args).await?.with("id", args.id.as_str());
            manager.create(&GROUPS, &body.done()).await
        }
        GroupVerb::Set(args) => {
            let body = body(manager, args).await?;
            manager.change(&GROUPS, &args.id, &body.done()).await
        }
        GroupVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!(
                "This deletes the group {id}: its members lose its plan and its pool, not their \
                 accounts."
            );
            manager.remove(&GROUPS, id, &warning, &format!("Deleted the group {id}.")).await
        }
    }
}

async fn body(manager: &Manager, args: &GroupMembers) -> Result<Body, Exit> {
    let GroupMembers { id: _, name, plan, priority, pool, no_pool, members } = args;
    let mut ids = Vec::with_capacity(members.len());
    for member in members {
        ids.push(manager.user_id(member).await?);
    }
    let body = Body::default()
        .maybe("name", name.as_deref())
        .clearable("plan", plan.as_deref())
        .maybe("priority", *priority)
        .budgets("pool", pool, *no_pool)
        .list("members", &ids);
    Ok(body)
}
