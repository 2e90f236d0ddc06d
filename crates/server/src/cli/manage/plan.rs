//! `tollgate plan …`.

use super::api::Manager;
use super::body::Body;
use super::noun::{Form, Noun, column};
use super::profile::with_profile;
use crate::cli::args::{PlanMembers, PlanVerb};
use crate::exit::Exit;

const PLANS: Noun = Noun {
    path: "plans",
    id: "id",
    many: "plans",
    columns: &[
        column("id", "id", Form::Text),
        column("models", "models", Form::Texts),
        column("tools", "tools", Form::Tools),
        column("rates", "rates", Form::Rates),
        column("budgets", "budgets", Form::Budgets),
        column("output ceiling", "max_output_tokens", Form::Count),
        column("time zone", "time_zone", Form::Text),
    ],
    more: &[
        column("profile", "profile", Form::Text),
        column("declared in the file", "declared", Form::Flag),
        column("made", "created_at", Form::Moment),
        column("changed", "updated_at", Form::Moment),
    ],
};

pub(super) async fn run(manager: &mut Manager, verb: &PlanVerb) -> Result<(), Exit> {
    match verb {
        PlanVerb::List(args) => manager.list(&PLANS, &Vec::new(), args).await,
        PlanVerb::Show(named) => manager.show(&PLANS, &named.id).await,
        PlanVerb::Add(args) => {
            manager.create(&PLANS, &body(args)?.with("id", args.id.as_str()).done()).await
        }
        PlanVerb::Set(args) => manager.change(&PLANS, &args.id, &body(args)?.done()).await,
        PlanVerb::Remove(named) => {
            let id = &named.id;
            let warning = format!("This deletes the plan {id}.");
            manager.remove(&PLANS, id, &warning, &format!("Deleted the plan {id}.")).await
        }
    }
}

fn body(args: &PlanMembers) -> Result<Body, Exit> {
    let PlanMembers { id: _, models, tools, rates, budgets, no_budgets, time_zone, .. } = args;
    let PlanMembers { max_output_tokens, profile, .. } = args;
    let body = Body::default()
        .list("models", models)
        .list("tools", tools)
        .rates(rates)
        .budgets("budgets", budgets, *no_budgets)
        .maybe("time_zone", time_zone.as_deref())
        .maybe("max_output_tokens", *max_output_tokens);
    with_profile(body, profile)
}
