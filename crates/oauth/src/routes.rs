//! What this door offers, from top to bottom.

use tollgate_edge::shapes::List;
use tollgate_edge::{Dialect, Row, bind};
use tollgate_kernel::{Access, Manage, Noun};

use crate::grants::GrantView;
use crate::keys::{KeyView, Rotation};
use crate::state::OAuthState;
use crate::{
    authorize, consent, cors, end_session, grants, introspect, keys, metadata, pages, revoke,
    token, userinfo,
};

const OPEN: Access = Access::Public;

/// The rows of this door, with their state.
pub fn rows(state: &OAuthState) -> Vec<Row> {
    let mut rows = for_people();
    rows.extend(for_apps());
    rows.extend(documents());
    rows.extend(api());
    bind(rows, state)
}

/// What a browser comes to.
fn for_people() -> Vec<Row<OAuthState>> {
    vec![
        Row::get("/oauth/authorize", OPEN, "Sign in to an app", authorize::show),
        Row::post("/oauth/authorize", OPEN, "Sign in to an app, by form", authorize::by_form),
        Row::get("/authorize", OPEN, "Sign in to an app", authorize::show),
        Row::post("/authorize", OPEN, "Sign in to an app, by form", authorize::by_form),
        Row::get("/oauth/resume", OPEN, "Go on after signing in", authorize::resume),
        Row::post("/oauth/again", OPEN, "Sign in again for an app", authorize::again),
        Row::post("/oauth/consent", OPEN, "Allow an app or deny it", consent::answer),
        Row::get("/oauth/end-session", OPEN, "Sign out from an app", end_session::show),
        Row::post("/oauth/end-session", OPEN, "Sign out, by form", end_session::by_form),
        Row::post("/oauth/sign-out", OPEN, "Confirm to sign out", end_session::confirm),
        Row::get(
            "/account/apps",
            Access::Page(Manage::read(Noun::Grants)),
            "The apps that I allowed something",
            pages::apps::show,
        ),
        Row::post(
            "/account/apps/{client_id}/end",
            Access::Page(Manage::write(Noun::Grants)),
            "Take back what I allowed an app",
            pages::apps::end,
        ),
    ]
}

/// What apps call. They authenticate themselves: the router looks at no credential.
fn for_apps() -> Vec<Row<OAuthState>> {
    let mut rows = vec![
        Row::post("/oauth/token", OPEN, "Get tokens", token::answer).ignores_credentials(),
        Row::post("/token", OPEN, "Get tokens", token::answer).ignores_credentials(),
        Row::post("/oauth/revoke", OPEN, "Revoke a token", revoke::answer).ignores_credentials(),
        Row::post("/oauth/introspect", OPEN, "Ask about a token", introspect::answer)
            .ignores_credentials(),
        Row::get("/oauth/userinfo", OPEN, "Say who signed in", userinfo::show)
            .ignores_credentials(),
        Row::post("/oauth/userinfo", OPEN, "Say who signed in", userinfo::by_form)
            .ignores_credentials(),
    ];
    let asked = ["/oauth/token", "/token", "/oauth/revoke", "/oauth/userinfo"];
    rows.extend(asked.map(|path| {
        Row::options(path, OPEN, "Say what pages of apps may send", cors::preflight)
            .ignores_credentials()
    }));
    rows
}

/// What anybody may read.
fn documents() -> Vec<Row<OAuthState>> {
    let document = "Describe the authorization server";
    let paths = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    let mut rows: Vec<_> = paths
        .into_iter()
        .map(|path| Row::get(path, OPEN, document, metadata::show).ignores_credentials())
        .collect();
    let keys = Row::get("/oauth/jwks.json", OPEN, "The keys of our tokens", metadata::keys);
    rows.push(keys.ignores_credentials().dialect(Dialect::Problem));
    rows
}

/// The management API of what is this door's.
fn api() -> Vec<Row<OAuthState>> {
    let read = Access::Api(Manage::read(Noun::SigningKeys));
    let write = Access::Api(Manage::write(Noun::SigningKeys));
    let own = Access::Api(Manage::read(Noun::Grants));
    let own_write = Access::Api(Manage::write(Noun::Grants));
    vec![
        Row::get("/api/v1/grants", own, "List what you allowed apps", grants::list)
            .answers::<List<GrantView>>(),
        Row::delete(
            "/api/v1/grants/{client_id}",
            own_write,
            "Take back what you allowed an app",
            grants::withdraw,
        ),
        Row::get("/api/v1/signing-keys", read, "List signing keys", keys::list)
            .answers::<List<KeyView>>(),
        Row::post("/api/v1/signing-keys/rotate", write, "Make new signing keys", keys::rotate)
            .takes::<Rotation>()
            .answers::<List<KeyView>>(),
    ]
}
