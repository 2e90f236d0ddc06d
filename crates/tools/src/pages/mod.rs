//! The owner's pages about tools. They work without a script.

mod form;
mod list;
mod one;
mod secret;

use askama::Template;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::parts::Cell;
use tollgate_edge::page::{NavItem, Texts, Words};
use tollgate_edge::{Row, Visit};
use tollgate_kernel::{Access, Error, Manage, Noun};
use tollgate_store::{HttpScheme, ToolAuth};

use crate::state::ToolsState;

fluent_templates::static_loader! {
    pub(crate) static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const READ: Access = Access::Page(Manage::read(Noun::Tools));
const WRITE: Access = Access::Page(Manage::write(Noun::Tools));

/// The door's entry of the navigation, for those who may manage tools.
pub fn nav() -> Vec<NavItem> {
    let texts: &'static Texts = &TEXTS;
    vec![NavItem { path: "/admin/tools", access: READ, texts, key: "nav-tools" }]
}

pub(crate) fn rows() -> Vec<Row<ToolsState>> {
    vec![
        Row::get("/admin/tools", READ, "The tools", list::show).asks::<Saved>(),
        Row::post("/admin/tools", WRITE, "Offer an API", list::make).takes::<form::ToolForm>(),
        Row::get("/admin/tools/{id}", READ, "One tool", one::show).asks::<Saved>(),
        Row::post("/admin/tools/{id}", WRITE, "Change a tool", one::change)
            .takes::<form::ToolForm>(),
        Row::post(
            "/admin/tools/{id}/verification",
            WRITE,
            "Publish what a service looks for",
            one::verify,
        )
        .takes::<one::Verification>(),
        Row::post("/admin/tools/{id}/callbacks", WRITE, "Accept a plugin, or not", one::callback)
            .takes::<one::Callback>(),
        Row::post("/admin/tools/{id}/tokens", WRITE, "Give a service a token", secret::make)
            .takes::<secret::Service>(),
        Row::post(
            "/admin/tools/{id}/tokens/{token}",
            WRITE,
            "Replace a service's token, or cut the service off",
            secret::change,
        )
        .takes::<secret::Change>(),
    ]
}

/// Whether something was just saved.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Saved {
    saved: Option<u8>,
}

/// The texts in this person's language.
fn words(visit: &Visit) -> Words {
    visit.words(&TEXTS)
}

/// A form of one button.
#[derive(Template)]
#[template(path = "button.html")]
struct Button<'a> {
    action: &'a str,
    csrf: &'a str,
    hidden: Vec<(&'a str, &'a str)>,
    text: String,
    /// What the button is about, for those who do not see the row.
    label: String,
}

impl Button<'_> {
    fn cell(&self) -> Result<Cell, Error> {
        Ok(Cell::Part(self.render().map_err(Error::internal)?))
    }
}

/// Who may call, in words.
fn mode_said(w: Words, auth: &ToolAuth) -> String {
    let scheme = |scheme: &HttpScheme| match scheme {
        HttpScheme::Bearer => "Bearer",
        HttpScheme::Basic => "Basic",
    };
    match auth {
        ToolAuth::None => w.get("mode-none"),
        ToolAuth::ServiceHttp { scheme: of } => {
            format!("{} ({})", w.get("mode-service"), scheme(of))
        }
        ToolAuth::UserHttp { scheme: of } => format!("{} ({})", w.get("mode-user"), scheme(of)),
        ToolAuth::OAuth { .. } => w.get("mode-oauth"),
    }
}
