//! `tollgate settings …`.

use http::Method;

use super::api::Manager;
use super::body::{Body, name_of};
use super::noun::{Form, Noun, column};
use crate::cli::args::{SettingsSet, SettingsVerb};
use crate::exit::Exit;

/// There is one, so it has no id.
const SETTINGS: Noun = Noun {
    path: "settings",
    id: "registration",
    many: "settings",
    columns: &[
        column("registration", "registration", Form::Text),
        column("default plan", "default_plan", Form::Text),
        column("budgets", "budgets", Form::Budgets),
    ],
    more: &[column("declared", "declared", Form::Texts)],
};

const PATH: &str = "/api/v1/settings";

pub(super) async fn run(manager: &mut Manager, verb: &SettingsVerb) -> Result<(), Exit> {
    let answer = match verb {
        SettingsVerb::Show => manager.ask(Method::GET, PATH, None).await?,
        SettingsVerb::Set(args) => {
            let SettingsSet { registration, default_plan, budgets, no_budgets } = args;
            let body = Body::default()
                .maybe("registration", registration.map(name_of))
                .clearable("default_plan", default_plan.as_deref())
                .budgets("budgets", budgets, *no_budgets);
            manager.ask(Method::PATCH, PATH, Some(&body.done())).await?
        }
    };
    manager.tell(&SETTINGS, &answer)
}
