//! `tollgate entry …`.

use http::Method;

use super::api::{Manager, Query, path_of};
use super::body::name_of;
use super::noun::{Form, Noun, column};
use crate::cli::args::{EntryList, EntryVerb};
use crate::exit::Exit;

const ENTRIES: Noun = Noun {
    path: "entries",
    id: "call_id",
    many: "entries",
    columns: &[
        column("at", "at", Form::Moment),
        column("call", "call_id", Form::Text),
        column("attempt", "attempt", Form::Count),
        column("state", "state", Form::Text),
        column("model", "model", Form::Text),
        column("upstream", "upstream", Form::Text),
        column("hold", "/hold_nano", Form::Money),
        column("cost", "/cost_nano", Form::Money),
    ],
    more: &[
        column("person", "user", Form::Text),
        column("app", "client", Form::Text),
        column("key", "key", Form::Text),
        column("group", "group", Form::Text),
        column("tokens held", "hold_tokens", Form::Count),
        column("tokens charged", "charged_tokens", Form::Count),
        column("calls charged", "charged_calls", Form::Count),
        column("budget", "budget", Form::Text),
        column("released", "released_at", Form::Moment),
        column("request", "request_id", Form::Text),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &EntryVerb) -> Result<(), Exit> {
    match verb {
        EntryVerb::List(args) => {
            let query = query(manager, args).await?;
            manager.list(&ENTRIES, &query, &args.list).await
        }
        EntryVerb::Release(named) => {
            let path = path_of("entries", &named.id, "/release")?;
            manager.screen.confirm(
                "This gives the reserve back to its budget: calls that the crash hid stay \
                 uncharged.",
            )?;
            let answer = manager.ask(Method::POST, &path, None).await?;
            manager.tell(&ENTRIES, &answer)
        }
    }
}

async fn query(manager: &Manager, args: &EntryList) -> Result<Query, Exit> {
    let EntryList { from, to, user, client, key, group, model, upstream, state, .. } = args;
    let state = state.map(name_of);
    let named = [
        ("from", from),
        ("to", to),
        ("client", client),
        ("key", key),
        ("group", group),
        ("model", model),
        ("upstream", upstream),
        ("state", &state),
        ("call_id", &args.call),
        ("request_id", &args.request),
        ("budget", &args.budget),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let mut query: Query = named.collect();
    if let Some(user) = user {
        query.push(("user", manager.user_id(user).await?));
    }
    Ok(query)
}
