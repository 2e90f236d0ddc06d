//! What this door offers, from top to bottom.

use tollgate_edge::shapes::List;
use tollgate_edge::{Dialect, Row, bind};
use tollgate_gate::PLAIN_BODY_MAX;
use tollgate_kernel::{Access, Manage, Noun};

use crate::api::connections::{self, ConnectionView, Filter, NewConnection};
use crate::api::installs::{
    self, All, FoundView, InstallPatch, InstallView, Look, NewInstall, VerifiedView, Yes,
};
use crate::call_through::{call, call_root};
use crate::pages;
use crate::state::ConnectionsState;

/// The rows of this door, with their state.
pub fn rows(state: &ConnectionsState) -> Vec<Row> {
    let mut rows = installs_api();
    rows.extend(connections_api());
    rows.extend(calls());
    rows.extend(pages::rows());
    bind(rows, state)
}

/// What the owner installs.
fn installs_api() -> Vec<Row<ConnectionsState>> {
    let read = Access::Api(Manage::read(Noun::Installs));
    let write = Access::Api(Manage::write(Noun::Installs));
    vec![
        Row::get("/api/v1/installs", read, "List other people's tools", installs::list)
            .asks::<All>()
            .answers::<List<InstallView>>(),
        Row::post("/api/v1/installs", write, "Install a tool by its domain", installs::create)
            .takes::<NewInstall>()
            .answers::<InstallView>(),
        Row::post(
            "/api/v1/installs/look",
            write,
            "Look at what a tool publishes, and keep nothing",
            installs::look,
        )
        .takes::<Look>()
        .answers::<FoundView>()
        .done_anew(),
        Row::get("/api/v1/installs/{id}", read, "Show a tool", installs::show)
            .answers::<InstallView>(),
        Row::patch("/api/v1/installs/{id}", write, "Change a tool", installs::update)
            .takes::<InstallPatch>()
            .answers::<InstallView>(),
        Row::post(
            "/api/v1/installs/{id}/accept",
            write,
            "Accept what was found at a tool's domain, as it was seen",
            installs::accept,
        )
        .takes::<Yes>()
        .answers::<InstallView>(),
        Row::delete(
            "/api/v1/installs/{id}",
            write,
            "Remove a tool with all connections to it",
            installs::delete,
        ),
        Row::post(
            "/api/v1/installs/{id}/verify",
            write,
            "Look for our token at a tool's domain",
            installs::verify,
        )
        .answers::<VerifiedView>()
        .done_anew(),
    ]
}

/// What goes through.
fn calls() -> Vec<Row<ConnectionsState>> {
    // The rest that a path names is never empty.
    const ROOT: &str = "/connections/{id}/";
    const PATH: &str = "/connections/{id}/{*path}";
    let (access, what) = (Access::Connections, "Call a connected tool");
    let rows = [
        Row::get(PATH, access, what, call),
        Row::post(PATH, access, what, call),
        Row::put(PATH, access, what, call),
        Row::patch(PATH, access, what, call),
        Row::delete(PATH, access, what, call),
        Row::get(ROOT, access, what, call_root),
        Row::post(ROOT, access, what, call_root),
        Row::put(ROOT, access, what, call_root),
        Row::patch(ROOT, access, what, call_root),
        Row::delete(ROOT, access, what, call_root),
    ];
    let rows = rows.into_iter().map(|row| row.dialect(Dialect::Problem));
    rows.map(|row| row.body_limit(PLAIN_BODY_MAX).done_anew()).collect()
}

/// What a person connects.
fn connections_api() -> Vec<Row<ConnectionsState>> {
    let read = Access::Api(Manage::read(Noun::Connections));
    let write = Access::Api(Manage::write(Noun::Connections));
    vec![
        Row::get("/api/v1/connections", read, "List connections", connections::list)
            .asks::<Filter>()
            .answers::<List<ConnectionView>>(),
        Row::post(
            "/api/v1/connections",
            write,
            "Connect yourself to a tool, or mend that",
            connections::create,
        )
        .takes::<NewConnection>()
        .answers::<ConnectionView>()
        .done_anew(),
        Row::get("/api/v1/connections/{id}", read, "Show a connection", connections::show)
            .answers::<ConnectionView>(),
        Row::delete("/api/v1/connections/{id}", write, "End a connection", connections::delete),
    ]
}
