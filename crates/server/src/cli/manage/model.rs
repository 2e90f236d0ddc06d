//! `tollgate model …`.

use http::{Method, StatusCode};
use serde_json::Value;

use super::api::{Manager, object, path_of, refusal};
use super::body::Body;
use super::noun::{Form, Noun, column};
use crate::cli::args::{ModelSet, ModelVerb};
use crate::exit::Exit;

const MODELS: Noun = Noun {
    path: "models",
    id: "alias",
    many: "aliases of models",
    columns: &[
        column("alias", "alias", Form::Text),
        column("upstream", "upstream", Form::Text),
        column("model", "model", Form::Text),
        column("input/million", "/price/input_nano", Form::Money),
        column("output/million", "/price/output_nano", Form::Money),
        column("budgets", "budgets", Form::Budgets),
    ],
    more: &[
        column("context tokens", "context_tokens", Form::Count),
        column("output tokens", "max_output_tokens", Form::Count),
        column("declared in the file", "declared", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &ModelVerb) -> Result<(), Exit> {
    match verb {
        ModelVerb::List(args) => manager.list(&MODELS, &Vec::new(), args).await,
        ModelVerb::Set(args) => set(manager, args).await,
        ModelVerb::Remove(named) => {
            let alias = &named.id;
            let warning = format!("This deletes the alias {alias}: calls of it are refused.");
            manager.remove(&MODELS, alias, &warning, &format!("Deleted the alias {alias}.")).await
        }
    }
}

async fn set(manager: &mut Manager, args: &ModelSet) -> Result<(), Exit> {
    let ModelSet { alias, upstream, model, budgets, no_budgets } = args;
    let path = path_of("models", alias, "")?;
    let mut body = Body::default()
        .with("upstream", upstream.as_str())
        .with("model", model.as_str())
        .budgets("budgets", budgets, *no_budgets);
    if budgets.is_empty() && !no_budgets {
        // The API replaces an alias whole; whoever moves one to another model keeps its budgets.
        body = body.maybe("budgets", budgets_of(manager, &path).await?);
    }
    let answer = manager.ask(Method::PUT, &path, Some(&body.done())).await?;
    manager.tell(&MODELS, &answer)
}

/// The budgets of an alias, if there is one.
async fn budgets_of(manager: &Manager, path: &str) -> Result<Option<Value>, Exit> {
    let before = manager.try_ask(Method::GET, path, None).await?;
    match before.status {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => Ok(object(&before)?.get("budgets").cloned()),
        _ => Err(refusal(&before)),
    }
}
