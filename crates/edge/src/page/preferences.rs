//! Language and theme, chosen with a form that works without scripts.

use serde::Deserialize;
use tollgate_kernel::Error;

use super::{Locale, Theme};
use crate::context::Exchange;
use crate::csrf::safe_next;
use crate::extract::Form;
use crate::reply::{self, Reply};

/// A year.
const KEPT_S: u64 = 31_536_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    language: Option<String>,
    theme: Option<String>,
    next: String,
}

pub(super) async fn choose(exchange: Exchange, Form(choice): Form<Choice>) -> Reply {
    let names = exchange.edge().cookies();
    let mut response = reply::see_other(safe_next(&choice.next).unwrap_or("/"))?;
    if let Some(tag) = choice.language {
        let unknown = || Error::invalid("There is no such language.").with_param("language");
        let locale = Locale::parse(&tag).ok_or_else(unknown)?;
        let cookie = names.set(names.language(), locale.tag(), Some(KEPT_S))?;
        response = reply::with_cookie(response, cookie);
    }
    if let Some(name) = choice.theme {
        let unknown = || Error::invalid("There is no such theme.").with_param("theme");
        let theme = Theme::parse(&name).ok_or_else(unknown)?;
        let cookie = names.set(names.theme(), theme.name(), Some(KEPT_S))?;
        response = reply::with_cookie(response, cookie);
    }
    Ok(response)
}
