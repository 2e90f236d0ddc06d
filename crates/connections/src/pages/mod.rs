//! Pages for people, in three languages. They work without a script.

mod back;
mod installs;
mod new_install;
mod own;

use askama::Template;
use tollgate_edge::Row;
use tollgate_edge::page::NavItem;
use tollgate_edge::page::parts::{Banner, Head, Link};
use tollgate_kernel::{Access, Manage, Noun};

use crate::state::ConnectionsState;

// The texts of this door's pages.
fluent_templates::static_loader! {
    pub(crate) static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        // Marks around what is filled in would end up in addresses and tokens that are copied.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// Where a person's connections are.
const OWN_AT: &str = "/account/connections";

/// The navigation of this door.
pub fn nav() -> Vec<NavItem> {
    let item = |path, noun, key| NavItem {
        path,
        access: Access::Page(Manage::read(noun)),
        texts: &TEXTS,
        key,
    };
    vec![
        item(OWN_AT, Noun::Connections, "nav-connections"),
        item(installs::AT, Noun::Installs, "nav-installs"),
    ]
}

/// The rows of this door's pages.
pub(crate) fn rows() -> Vec<Row<ConnectionsState>> {
    let mut rows = own_rows();
    rows.extend(owners_rows());
    rows
}

/// What the owner looks after.
fn owners_rows() -> Vec<Row<ConnectionsState>> {
    let read = Access::Page(Manage::read(Noun::Installs));
    let write = Access::Page(Manage::write(Noun::Installs));
    vec![
        Row::get(installs::AT, read, "The tools of others", installs::list)
            .asks::<installs::Said>(),
        Row::get(new_install::NEW_AT, write, "A form for a tool of others", new_install::blank),
        Row::post(
            new_install::NEW_AT,
            write,
            "Look at a tool of others, then install it",
            new_install::create,
        )
        .takes::<new_install::NewForm>(),
        Row::get("/admin/installs/{id}", read, "One tool of others", installs::show)
            .asks::<installs::Said>(),
        Row::post("/admin/installs/{id}", write, "Change a tool of others", installs::update)
            .takes::<installs::ChangeForm>(),
        Row::post(
            "/admin/installs/{id}/verify",
            write,
            "Look at the domain of a tool of others",
            installs::verify,
        )
        .takes::<installs::Sure>(),
        Row::post(
            "/admin/installs/{id}/accept",
            write,
            "Accept what was found at the domain of a tool of others",
            installs::accept,
        )
        .takes::<installs::YesForm>(),
        Row::post(
            "/admin/installs/{id}/remove",
            write,
            "Remove a tool of others",
            installs::remove,
        )
        .takes::<installs::Sure>(),
    ]
}

/// What a person has.
fn own_rows() -> Vec<Row<ConnectionsState>> {
    let read = Access::Page(Manage::read(Noun::Connections));
    let write = Access::Page(Manage::write(Noun::Connections));
    vec![
        Row::get(OWN_AT, read, "The tools, and my connections", own::list).asks::<own::Said>(),
        Row::post(OWN_AT, write, "Connect myself to a tool", own::connect)
            .takes::<own::ConnectForm>(),
        Row::get("/account/connections/{id}/sign-in", write, "Sign in at a tool", own::sign_in),
        Row::post("/account/connections/{id}/end", write, "End a connection", own::end)
            .takes::<own::Sure>(),
        Row::get(
            "/aip/{plugin_id}/oauth/callback",
            Access::Public,
            "Come back from a tool",
            back::come_back,
        ),
    ]
}

/// A page with a message and the way on.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    head: Head,
    banner: Option<Banner>,
    links: Vec<Link>,
}
