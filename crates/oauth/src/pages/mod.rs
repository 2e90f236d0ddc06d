//! Pages for people, in three languages. They work without a script.

use std::sync::Arc;

use askama::Template;
use http::{HeaderName, HeaderValue};
use tollgate_edge::Visit;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Head, Tone};
use tollgate_edge::reply::{self, Reply};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, Scope, UserId};
use tollgate_protocol::oauth::RedirectUri;
use tollgate_store::Owner;

use crate::consider::{Answer, Asker, Request};

pub(crate) mod apps;
#[cfg(test)]
mod tests;

// The texts of this door's pages.
fluent_templates::static_loader! {
    pub(crate) static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// What a person is asked.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) ticket: String,
    pub(crate) user: UserId,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    w: Words,
    head: Head,
    banner: Option<Banner>,
    csrf: String,
    ticket: String,
    app: String,
    account: String,
    place: String,
    resource: String,
    scopes: Vec<String>,
}

/// Who asks, for which account, for what, and where the answer goes.
pub(crate) async fn consent(
    gate: &Gate,
    caller: &Arc<Principal>,
    visit: Visit,
    asker: &Asker,
    asked: Asked,
) -> Reply {
    let w = visit.words(&TEXTS);
    let warrant = gate.allow(caller, Manage::read(Noun::Grants))?;
    let user = gate.read(&warrant).user(Owner::User(asked.user), asked.user).await?;
    let account = user.map(|user| user.email).ok_or_else(Error::unauthenticated)?;
    let app = asker.client.name.clone();
    let title = w.with("consent-title", &[("app", app.as_str().into())]);
    let uris = &asker.client.oauth.redirect_uris;
    let local = uris.iter().all(|uri| is_local(uri));
    let page = ConsentPage {
        head: Head { title: title.clone(), lead: w.get("consent-lead"), action: None },
        banner: local.then(|| Banner {
            tone: Tone::Warn,
            text: w.get("consent-local"),
            link: None,
        }),
        csrf: visit.csrf(),
        ticket: asked.ticket,
        app,
        account,
        place: RedirectUri::place(&asker.place),
        scopes: asked.request.scopes.iter().map(|scope| in_words(w, scope)).collect(),
        resource: asked.request.resource,
        w,
    };
    let response = visit.show(&title, &page)?;
    Ok(reply::with_forms_to(response, &RedirectUri::source(&asker.place))?)
}

/// Whether an address is one of this machine: anybody's program may wait there.
fn is_local(uri: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]", "http://localhost"]
        .iter()
        .any(|host| uri.starts_with(host))
}

/// What a scope lets an app do.
fn in_words(w: Words, scope: &str) -> String {
    let known = [
        (Scope::OPENID, "scope-openid"),
        (Scope::PROFILE, "scope-profile"),
        (Scope::EMAIL, "scope-email"),
        (Scope::OFFLINE, "scope-offline"),
        (Scope::MODELS, "scope-models"),
        (Scope::MANAGE, "scope-manage"),
        (Scope::CONNECTIONS, "scope-connections"),
    ];
    match known.into_iter().find(|(known, _)| *known == scope) {
        Some((_, key)) => w.get(key),
        None => w.with("scope-other", &[("scope", scope.into())]),
    }
}

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage {
    w: Words,
    head: Head,
    csrf: String,
    ticket: String,
}

/// Asks who is signed in to sign in again.
pub(crate) fn again(visit: Visit, asker: &Asker, ticket: String) -> Reply {
    let w = visit.words(&TEXTS);
    let title = w.get("again-title");
    let lead = w.with("again-lead", &[("app", asker.client.name.as_str().into())]);
    let head = Head { title: title.clone(), lead, action: None };
    let page = AgainPage { w, head, csrf: visit.csrf(), ticket };
    visit.show(&title, &page)
}

#[derive(Template)]
#[template(path = "onward.html")]
struct OnwardPage {
    w: Words,
    head: Head,
    place: String,
}

/// Leads on to an app by itself.
pub(crate) fn onward(visit: Visit, place: &str) -> Reply {
    let w = visit.words(&TEXTS);
    let title = w.get("onward-title");
    let head = Head { title: title.clone(), lead: String::new(), action: None };
    let mut response = visit.show(&title, &OnwardPage { w, head, place: place.to_owned() })?;
    let refresh = HeaderValue::from_str(&format!("0; url={place}")).map_err(Error::internal)?;
    response.headers_mut().insert(REFRESH, refresh);
    Ok(response)
}

#[derive(Template)]
#[template(path = "by_form.html")]
struct FormPage<'a> {
    w: Words,
    head: Head,
    answer: &'a Answer,
}

/// Takes an answer to an app as a form, which a script sends, or whoever looks at it.
pub(crate) fn by_form(visit: Visit, answer: &Answer) -> Reply {
    let w = visit.words(&TEXTS);
    let title = w.get("onward-title");
    let head = Head { title: title.clone(), lead: String::new(), action: None };
    let response = visit.show(&title, &FormPage { w, head, answer })?;
    Ok(reply::with_forms_to(response, &RedirectUri::source(&answer.place))?)
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOutPage {
    w: Words,
    head: Head,
    csrf: String,
    ticket: String,
}

/// Asks whether to sign out.
pub(crate) fn sign_out(visit: Visit, ticket: String) -> Reply {
    let w = visit.words(&TEXTS);
    let title = w.get("sign-out-title");
    let head = Head { title: title.clone(), lead: w.get("sign-out-lead"), action: None };
    let page = SignOutPage { w, head, csrf: visit.csrf(), ticket };
    visit.show(&title, &page)
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    w: Words,
    head: Head,
}

/// Says that nobody is signed in any more.
pub(crate) fn signed_out(visit: Visit) -> Reply {
    let w = visit.words(&TEXTS);
    let title = w.get("signed-out-title");
    let head = Head { title: title.clone(), lead: w.get("signed-out-lead"), action: None };
    visit.show(&title, &SignedOutPage { w, head })
}
