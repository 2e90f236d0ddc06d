//! Pages for people: they call the same use cases as the API, and say it in three languages.

pub(crate) mod account;
mod chart;
pub(crate) mod key;
mod key_form;
pub(crate) mod keys;
pub(crate) mod link;
mod linked;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod provider;
mod said;
pub(crate) mod security;
pub(crate) mod setup;
pub(crate) mod signup;
pub(crate) mod strength;
pub(crate) mod usage;
pub(crate) mod user_link;

use axum::response::Response;
use http::HeaderMap;
use http::header::USER_AGENT;
use rust_embed::RustEmbed;
use tollgate_edge::page::parts::{Banner, Tone};
use tollgate_edge::page::{Assets, NavItem};
use tollgate_edge::{Edge, Visit, reply};
use tollgate_kernel::{Access, Error, Manage, Noun};
use tollgate_store::UserRecord;

use crate::start_session::{SESSION_LIFE, Started};

// The texts of this door's pages.
fluent_templates::static_loader! {
    pub(crate) static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        // Marks around what is filled in would end up in commands that are copied.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// `assets` and the scripts of this door: the chart and the library that draws it.
pub fn assets(assets: Assets) -> Assets {
    assets.with::<Files>()
}

/// The navigation of a person's own pages, from left to right.
pub fn nav() -> Vec<NavItem> {
    let item = |path, noun, key| NavItem {
        path,
        access: Access::Page(Manage::read(noun)),
        texts: &TEXTS,
        key,
    };
    vec![
        item("/account", Noun::Me, "nav-account"),
        item("/account/keys", Noun::Keys, "nav-keys"),
        item("/account/usage", Noun::Usage, "nav-usage"),
        item("/account/security", Noun::Sessions, "nav-security"),
    ]
}

/// What a browser calls itself.
pub(crate) fn agent_of(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned)
}

/// The name by which a person is greeted.
fn greeting(user: &UserRecord) -> &str {
    if user.name.is_empty() { &user.email } else { &user.name }
}

/// The same answer with the cookie of a session that was just begun.
fn signed_in(response: Response, edge: &Edge, started: &Started) -> Result<Response, Error> {
    let cookie = edge.cookies().set_session(&started.token, Some(SESSION_LIFE.as_secs()))?;
    Ok(reply::with_cookie(response, cookie))
}

/// The address of the stylesheet that some pages of this door have beside the shell's.
fn style(visit: &Visit) -> String {
    visit.exchange().edge().asset("identity.css")
}

fn banner(tone: Tone, text: String) -> Option<Banner> {
    Some(Banner { tone, text, link: None })
}
