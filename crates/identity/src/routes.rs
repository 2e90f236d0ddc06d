//! What this door offers, from top to bottom.

use tollgate_edge::shapes::List;
use tollgate_edge::{Dialect, Row, bind};
use tollgate_kernel::{Access, Manage, Noun};

use crate::api::identities::{self, IdentityList, IdentityView};
use crate::api::me::{Me, MePatch};
use crate::api::sessions::{SessionList, SessionView};
use crate::api::tokens::{TokenBody, TokenView};
use crate::api::users::{LinkBody, LinkView, NewUserBody, UserList, UserPatch, UserView};
use crate::api::{
    keys,
    keys::{KeyList, KeyPatch, KeyView, NewKeyBody, Rotation},
    me, sessions, tokens, users,
};
use crate::pages::strength::{Candidate, Rating};
use crate::pages::{account, key, keys as key_pages, link, login, logout, provider};
use crate::pages::{security, setup, signup, strength, usage, user_link};
use crate::state::IdentityState;

/// The rows of this door, with their state.
pub fn rows(state: &IdentityState) -> Vec<Row> {
    bind(unbound(), state)
}

pub(crate) fn unbound() -> Vec<Row<IdentityState>> {
    let mut rows = coming_in();
    rows.extend(own_pages());
    rows.extend(own_api());
    rows.extend(users_api());
    rows
}

/// Pages that are open to everybody.
fn coming_in() -> Vec<Row<IdentityState>> {
    const OPEN: Access = Access::Public;
    let upstreams = Access::Page(Manage::write(Noun::Upstreams));
    vec![
        Row::get("/setup", OPEN, "Set up: the first owner", setup::show),
        Row::post("/setup", OPEN, "Make the first owner", setup::make_owner),
        Row::get("/setup/provider", upstreams, "Set up: a model provider", setup::upstream),
        Row::post("/setup/provider", upstreams, "Add and test a provider", setup::make_upstream),
        Row::get("/setup/try", upstreams, "Set up: the first call", setup::try_page),
        Row::post("/setup/try", upstreams, "Make a key and the first call", setup::try_call),
        Row::get("/login", OPEN, "Sign in", login::show),
        Row::post("/login", OPEN, "Sign in with a password", login::enter),
        Row::get("/login/{provider}", OPEN, "Go to a provider to sign in", provider::leave),
        Row::get("/callback/{provider}", OPEN, "Come back from a provider", provider::back),
        Row::get("/signup", OPEN, "Sign up", signup::show),
        Row::post("/signup", OPEN, "Make an account", signup::join),
        Row::get("/logout", OPEN, "Sign out", logout::show),
        Row::post("/logout", OPEN, "End the session", logout::leave),
        Row::get("/link/{token}", OPEN, "Look at a one-time link", link::show),
        Row::post("/link/{token}", OPEN, "Use a one-time link", link::follow),
        Row::post("/password-strength", OPEN, "Rate a password that is typed", strength::rate)
            .takes::<Candidate>()
            .answers::<Rating>()
            .body_limit(strength::BODY_LIMIT)
            .dialect(Dialect::Problem)
            .ignores_credentials(),
    ]
}

/// A person's own pages.
fn own_pages() -> Vec<Row<IdentityState>> {
    let read = |noun| Access::Page(Manage::read(noun));
    let write = |noun| Access::Page(Manage::write(noun));
    vec![
        Row::get("/account", read(Noun::Me), "What is left, and the last calls", account::show),
        Row::get("/account/keys", read(Noun::Keys), "My keys", key_pages::show),
        Row::post("/account/keys", write(Noun::Keys), "Make a key", key_pages::make),
        Row::get("/account/keys/{id}", read(Noun::Keys), "One of my keys", key::show),
        Row::post("/account/keys/{id}", write(Noun::Keys), "Change a key", key::change),
        Row::post("/account/keys/{id}/rotate", write(Noun::Keys), "Rotate a key", key::rotate),
        Row::post("/account/keys/{id}/revoke", write(Noun::Keys), "Revoke a key", key::revoke),
        // Apps are the console's, their keys are this door's.
        Row::get(
            "/admin/apps/{id}/keys",
            read(Noun::Clients),
            "The keys of an app",
            key_pages::show_app,
        ),
        Row::post(
            "/admin/apps/{id}/keys",
            write(Noun::Clients),
            "Make a key for an app",
            key_pages::make_app,
        ),
        // So are people, and the links by which they come in are this door's.
        Row::get(
            "/admin/users/{id}/link",
            write(Noun::Users),
            "What a link for a person can be for",
            user_link::show,
        ),
        Row::post(
            "/admin/users/{id}/link",
            write(Noun::Users),
            "Make a one-time link for a person",
            user_link::make,
        ),
        Row::get("/account/usage", read(Noun::Usage), "My usage", usage::show),
        Row::get(
            "/account/security",
            read(Noun::Sessions),
            "Password and sessions",
            security::show,
        ),
        Row::post("/account/security", write(Noun::Me), "Change my name", security::rename),
        Row::post("/account/password", write(Noun::Me), "Change my password", security::password),
        Row::post(
            "/account/sessions/{id}/end",
            write(Noun::Sessions),
            "End a session",
            security::end,
        ),
        Row::post(
            "/account/providers/{id}/link",
            write(Noun::Identities),
            "Go to a provider to link my account there",
            provider::link,
        ),
        Row::post(
            "/account/identities/{id}/unlink",
            write(Noun::Identities),
            "Unlink my account at a provider",
            provider::unlink,
        ),
    ]
}

/// The management API of what is a person's own.
fn own_api() -> Vec<Row<IdentityState>> {
    let read = |noun| Access::Api(Manage::read(noun));
    let write = |noun| Access::Api(Manage::write(noun));
    vec![
        Row::get("/api/v1/me", read(Noun::Me), "Say who asks", me::show).answers::<Me>(),
        Row::patch("/api/v1/me", write(Noun::Me), "Change your own account", me::change)
            .takes::<MePatch>()
            .answers::<Me>(),
        Row::get("/api/v1/keys", read(Noun::Keys), "List keys", keys::list)
            .asks::<KeyList>()
            .answers::<List<KeyView>>(),
        Row::post("/api/v1/keys", write(Noun::Keys), "Make a key, shown once", keys::create)
            .takes::<NewKeyBody>()
            .answers::<KeyView>(),
        Row::get("/api/v1/keys/{id}", read(Noun::Keys), "Show a key", keys::show)
            .answers::<KeyView>(),
        Row::patch("/api/v1/keys/{id}", write(Noun::Keys), "Change a key", keys::change)
            .takes::<KeyPatch>()
            .answers::<KeyView>(),
        Row::delete("/api/v1/keys/{id}", write(Noun::Keys), "Revoke a key", keys::revoke),
        Row::post(
            "/api/v1/keys/{id}/rotate",
            write(Noun::Keys),
            "Give a key a new secret, shown once",
            keys::rotate,
        )
        .takes::<Rotation>()
        .answers::<KeyView>(),
        Row::get("/api/v1/sessions", read(Noun::Sessions), "List sessions", sessions::list)
            .asks::<SessionList>()
            .answers::<List<SessionView>>(),
        Row::delete("/api/v1/sessions/{id}", write(Noun::Sessions), "End a session", sessions::end),
        Row::get(
            "/api/v1/identities",
            read(Noun::Identities),
            "List linked accounts at sign-in providers",
            identities::list,
        )
        .asks::<IdentityList>()
        .answers::<List<IdentityView>>(),
        Row::delete(
            "/api/v1/identities/{id}",
            write(Noun::Identities),
            "Unlink an account at a sign-in provider",
            identities::unlink,
        ),
        Row::post(
            "/api/v1/tokens",
            write(Noun::Tokens),
            "Make a short-lived access token",
            tokens::create,
        )
        .takes::<TokenBody>()
        .answers::<TokenView>()
        .done_anew(),
    ]
}

/// The management API of accounts.
fn users_api() -> Vec<Row<IdentityState>> {
    let read = Access::Api(Manage::read(Noun::Users));
    let write = Access::Api(Manage::write(Noun::Users));
    vec![
        Row::get("/api/v1/users", read, "List people", users::list)
            .asks::<UserList>()
            .answers::<List<UserView>>(),
        Row::post("/api/v1/users", write, "Make an account", users::create)
            .takes::<NewUserBody>()
            .answers::<UserView>(),
        Row::get("/api/v1/users/{id}", read, "Show an account", users::show).answers::<UserView>(),
        Row::patch("/api/v1/users/{id}", write, "Change an account", users::change)
            .takes::<UserPatch>()
            .answers::<UserView>(),
        Row::delete("/api/v1/users/{id}", write, "Remove an account", users::remove),
        Row::post(
            "/api/v1/users/{id}/links",
            write,
            "Make a one-time link for a person",
            users::create_link,
        )
        .takes::<LinkBody>()
        .answers::<LinkView>(),
    ]
}
