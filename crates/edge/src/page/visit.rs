//! One person looking at one page.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use tollgate_gate::Principal;
use tollgate_kernel::{Access, Error, SessionId};

use super::{Locale, Texts, Theme, Words, chose_language, preferences, shell_words};
use crate::context::Exchange;
use crate::csrf;
use crate::error::Fault;
use crate::extract;
use crate::reply::{self, Reply};

/// An entry of the navigation. It is shown to those whom its page admits.
pub struct NavItem {
    /// The page's path.
    pub path: &'static str,
    /// What the page asks of its caller.
    pub access: Access,
    /// The texts that its name is in.
    pub texts: &'static Texts,
    /// The key of its name there.
    pub key: &'static str,
}

/// One person looking at one page: who, in which language, from which form. An extractor.
pub struct Visit {
    exchange: Exchange,
    caller: Option<Arc<Principal>>,
    locale: Locale,
    chose_language: bool,
    theme: Theme,
    path: String,
    binding: String,
    /// The pre-session cookie, where this visit starts one.
    cookie: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let exchange = Exchange::of(&parts.extensions)?;
        let names = exchange.edge().cookies();
        let (locale, theme) = preferences(&parts.headers, names);
        let (binding, cookie) = match extract::binding(&exchange, &parts.headers) {
            Some(binding) => (binding, None),
            None => {
                let value = random(&exchange);
                let cookie = names.set(names.presession(), &value, None)?;
                (csrf::of_presession(&value), Some(cookie))
            }
        };
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        Ok(Self {
            caller: exchange.caller().cloned(),
            path: csrf::safe_next(path).unwrap_or("/").to_owned(),
            chose_language: chose_language(&parts.headers, names),
            exchange,
            locale,
            theme,
            binding,
            cookie,
        })
    }
}

/// 128 bits in hexadecimal.
fn random(exchange: &Exchange) -> String {
    let mut bytes = [0_u8; 16];
    exchange.edge().rng.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Visit {
    /// What all requests share, and this one.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The language.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// A door's texts in this person's language.
    pub fn words(&self, texts: &'static Texts) -> Words {
        Words::new(self.locale, texts)
    }

    /// The token for the hidden field `csrf` of every form on the page.
    pub fn csrf(&self) -> String {
        self.exchange.edge().csrf.token(&self.binding)
    }

    /// The same visit once its answer has begun a session: the forms of the page belong to it, and
    /// not to who asked. `next` is where a choice of language or theme leads, for the page itself
    /// may not come again.
    pub fn signed_in(mut self, session: SessionId, next: &str) -> Self {
        self.binding = csrf::of_session(session);
        next.clone_into(&mut self.path);
        self
    }

    /// The same visit where a choice of language or theme leads to `next`: the page's own address
    /// cannot be asked for again, or says what should not be kept.
    pub fn leading_to(mut self, next: &str) -> Self {
        next.clone_into(&mut self.path);
        self
    }

    /// The same visit in the first language of `wanted`, tags with blanks between, that pages have
    /// (OpenID Connect Core, 3.1.2.1, `ui_locales`), with a cookie for the pages that follow. Who
    /// chose a language here keeps it.
    pub fn asked_in(mut self, wanted: &str) -> Result<(Self, Option<HeaderValue>), Error> {
        let wanted = wanted.split(' ').find_map(Locale::for_range);
        let Some(locale) = wanted.filter(|_| !self.chose_language) else { return Ok((self, None)) };
        self.locale = locale;
        let names = self.exchange.edge().cookies();
        let cookie = names.set(names.language(), locale.tag(), None)?;
        Ok((self, Some(cookie)))
    }

    /// 200 with the page inside the shell.
    pub fn show<T: Template>(self, title: &str, page: &T) -> Reply {
        self.show_as(StatusCode::OK, None, title, page)
    }

    /// The page inside the shell with another status, as for a form that comes back with errors,
    /// and with the name by which the person is greeted.
    pub fn show_as<T: Template>(
        self,
        status: StatusCode,
        name: Option<&str>,
        title: &str,
        page: &T,
    ) -> Reply {
        let content = page.render().map_err(Error::internal)?;
        let layout = self.layout(title, name, content);
        let mut response = reply::html(layout.render().map_err(Error::internal)?);
        *response.status_mut() = status;
        Ok(match self.cookie {
            Some(cookie) => reply::with_cookie(response, cookie),
            None => response,
        })
    }

    fn layout(&self, title: &str, name: Option<&str>, content: String) -> Layout {
        let edge = self.exchange.edge();
        let w = shell_words(self.locale);
        let signed_in = self.caller.as_ref().is_some_and(|caller| !caller.is_anonymous());
        Layout {
            w,
            title: title.to_owned(),
            brand: edge.brand.clone(),
            stylesheet: edge.assets.path("tollgate.css"),
            script: edge.assets.path("tollgate.js"),
            theme: self.theme,
            nav: self.nav(),
            who: signed_in.then(|| name.map_or_else(|| w.get("account"), str::to_owned)),
            csrf: self.csrf(),
            path: self.path.clone(),
            content,
        }
    }

    fn nav(&self) -> Vec<Shown> {
        let Some(caller) = &self.caller else { return Vec::new() };
        let admitted = |item: &&NavItem| caller.admits(item.access).is_ok();
        let here = self.path.split('?').next().unwrap_or_default();
        let items = self.exchange.edge().nav.iter().filter(admitted);
        items
            .map(|item| Shown {
                path: item.path,
                name: Words::new(self.locale, item.texts).get(item.key),
                here: item.path == here,
            })
            .collect()
    }
}

/// An entry of the navigation as this person sees it.
struct Shown {
    path: &'static str,
    name: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout {
    w: Words,
    title: String,
    brand: String,
    stylesheet: String,
    script: String,
    theme: Theme,
    nav: Vec<Shown>,
    /// Who is signed in.
    who: Option<String>,
    csrf: String,
    path: String,
    /// The page itself, rendered and escaped by its own template.
    content: String,
}
