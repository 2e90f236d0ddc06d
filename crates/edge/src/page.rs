//! The page shell: what surrounds every page, and the parts that pages are made of.
//!
//! A door's handler takes a [`Visit`], fills a template of its own with [`parts`] and its own
//! texts, and returns `visit.show(title, &page)`: the shell goes around it.

mod assets;
mod check;
mod locale;
pub mod parts;
mod preferences;
mod visit;
mod when;

use axum::response::Response;
use http::HeaderMap;
use tollgate_kernel::Access;

use crate::cookies::{CookieNames, Cookies};
use crate::route::Row;

pub use assets::Assets;
pub use check::differences;
pub(crate) use locale::shell_words;
pub use locale::{Locale, Texts, Value, Words};
pub use visit::{NavItem, Visit};
pub use when::until;

/// Light, dark, or as the person's system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system is.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All themes, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The name in the cookie and in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == text)
    }
}

/// What a person chose, or what their browser asks for.
pub(crate) fn preferences(headers: &HeaderMap, names: CookieNames) -> (Locale, Theme) {
    let cookies = Cookies::of(headers);
    let theme = cookies.one(names.theme()).and_then(Theme::parse).unwrap_or_default();
    let chosen = cookies.one(names.language()).and_then(Locale::parse);
    let locale = chosen.unwrap_or_else(|| {
        let accepted = headers.get("accept-language").and_then(|v| v.to_str().ok());
        Locale::negotiate(accepted.unwrap_or_default())
    });
    (locale, theme)
}

/// Whether somebody chose a language in this browser.
pub(crate) fn chose_language(headers: &HeaderMap, names: CookieNames) -> bool {
    Cookies::of(headers).one(names.language()).and_then(Locale::parse).is_some()
}

/// The shell's own rows. [`crate::App::build`] adds them.
pub(crate) fn routes() -> Vec<Row> {
    vec![
        Row::get("/assets/{name}", Access::Public, "A stylesheet or script", assets::serve)
            .ignores_credentials(),
        Row::get("/icon.svg", Access::Public, "The icon of a browser's tab", icon)
            .ignores_credentials(),
        Row::post("/preferences", Access::Public, "Choose language or theme", preferences::choose),
    ]
}

async fn icon(exchange: crate::Exchange) -> crate::Reply {
    let path = exchange.edge().assets.path("icon.svg");
    crate::reply::see_other(&path)
}

/// An askama template as a page without the shell, for the few that stand alone.
pub fn bare<T: askama::Template>(page: &T) -> Result<Response, tollgate_kernel::Error> {
    Ok(crate::reply::html(page.render().map_err(tollgate_kernel::Error::internal)?))
}
