//! `/admin/new-install`: the owner looks at a tool, and keeps what they saw.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Definitions, Field, Head};
use tollgate_edge::{Caller, Form, Reply, Visit, reply};
use tollgate_gate::Facts;
use tollgate_protocol::plugin_host::Warning;

use super::TEXTS;
use super::installs::{AT, described, of_owner};
use crate::install::{self, Added, Wish};
use crate::state::ConnectionsState;

/// Where a new one is looked at.
pub(super) const NEW_AT: &str = "/admin/new-install";

/// The domain of a tool; `keep` is the hash of what its owner has seen there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewForm {
    domain: String,
    #[serde(default)]
    keep: Option<String>,
}

#[derive(Template)]
#[template(path = "install_new.html")]
struct NewPage {
    w: Words,
    csrf: String,
    head: Head,
    banner: Option<Banner>,
    domain: Field,
    typed: String,
    found: Option<Found>,
    command: Command,
}

/// What a look has found.
struct Found {
    /// By this it is kept.
    hash: String,
    facts: Definitions,
    warnings: Vec<Warning>,
}

/// `GET /admin/new-install`.
pub(crate) async fn blank(visit: Visit) -> Reply {
    let page = new_page(&visit, "", None, None);
    let title = visit.words(&TEXTS).get("install-make");
    visit.show(&title, &page)
}

/// `POST /admin/new-install`: shows what was found, and keeps it when its owner has seen that.
pub(crate) async fn create(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(NewForm { domain, keep }): Form<NewForm>,
) -> Reply {
    let title = visit.words(&TEXTS).get("install-make");
    let error = if let Some(seen) = keep {
        match install::add(&state, &caller, &domain, Some(&seen), Wish::default()).await {
            Ok(Added::Kept(made)) => {
                return reply::see_other(&format!("{AT}/{}", made.record.id));
            }
            Ok(Added::Otherwise(facts)) => {
                let what = install::otherwise(&facts).detail().to_owned();
                let page = new_page(&visit, &domain, Some(*facts), Some(what));
                return visit.leading_to(NEW_AT).show_as(StatusCode::CONFLICT, None, &title, &page);
            }
            Err(error) => error,
        }
    } else {
        match install::look(&state, &caller, &domain).await {
            Ok(facts) => {
                let page = new_page(&visit, &domain, Some(facts), None);
                return visit.leading_to(NEW_AT).show(&title, &page);
            }
            Err(error) => error,
        }
    };
    let error = of_owner(error)?;
    let page = new_page(&visit, &domain, None, Some(error));
    visit.leading_to(NEW_AT).show_as(StatusCode::BAD_REQUEST, None, &title, &page)
}

fn new_page(visit: &Visit, typed: &str, facts: Option<Facts>, error: Option<String>) -> NewPage {
    let w = visit.words(&TEXTS);
    let field = Field::new("domain", "text", w.get("install-domain"));
    let found = facts.map(|facts| Found {
        hash: facts.hash(),
        facts: described(w, &facts),
        warnings: facts.warnings,
    });
    NewPage {
        csrf: visit.csrf(),
        head: Head { title: w.get("install-make"), lead: w.get("install-lead"), action: None },
        banner: None,
        domain: field.value(typed).hint(w.get("install-domain-hint")).error(error),
        typed: typed.to_owned(),
        found,
        command: Command::same(w.locale(), "tollgate install add todo.example.com"),
        w,
    }
}
