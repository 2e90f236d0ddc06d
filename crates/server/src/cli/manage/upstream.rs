//! `tollgate upstream …`.

use serde_json::Value;

use super::api::Manager;
use super::body::Body;
use super::noun::{Form, Noun, column};
use super::secret;
use crate::cli::args::{UpstreamAdd, UpstreamKey, UpstreamSet, UpstreamVerb};
use crate::exit::Exit;

const UPSTREAMS: Noun = Noun {
    path: "upstreams",
    id: "id",
    many: "upstreams",
    columns: &[
        column("id", "id", Form::Text),
        column("address", "base_url", Form::Text),
        column("has a key", "has_api_key", Form::Flag),
        column("header", "header", Form::Text),
        column("declared in the file", "declared", Form::Flag),
    ],
    more: &[
        column("time-outs, ms", "timeouts", Form::Text),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &UpstreamVerb) -> Result<(), Exit> {
    match verb {
        UpstreamVerb::List(args) => manager.list(&UPSTREAMS, &Vec::new(), args).await,
        UpstreamVerb::Show(named) => manager.show(&UPSTREAMS, &named.id).await,
        UpstreamVerb::Add(UpstreamAdd { id, base_url, key }) => {
            let body = Body::default().with("id", id.as_str()).with("base_url", base_url.as_str());
            let body = with_key(manager, body, key)?;
            manager.create(&UPSTREAMS, &body.done()).await
        }
        UpstreamVerb::Set(args) => set(manager, args).await,
        UpstreamVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This deletes the upstream {id}, with our key there.");
            manager.remove(&UPSTREAMS, id, &warning, &format!("Deleted the upstream {id}.")).await
        }
    }
}

async fn set(manager: &mut Manager, args: &UpstreamSet) -> Result<(), Exit> {
    let UpstreamSet { id, base_url, no_api_key, key } = args;
    let mut body = Body::default().maybe("base_url", base_url.as_deref());
    if *no_api_key {
        let warning = format!("This deletes our key at {id}.");
        manager.screen.confirm(&warning)?;
        body = body.with("api_key", Value::Null);
    }
    let body = with_key(manager, body, key)?;
    manager.change(&UPSTREAMS, id, &body.done()).await
}

fn with_key(manager: &mut Manager, body: Body, args: &UpstreamKey) -> Result<Body, Exit> {
    let UpstreamKey { api_key_env, api_key_file, header } = args;
    let screen = &mut manager.screen;
    let key = secret::read("key", api_key_env.as_deref(), api_key_file.as_deref(), screen)?;
    let key = key.as_ref().map(|key| key.expose());
    Ok(body.maybe("api_key", key).clearable("header", header.as_deref()))
}
