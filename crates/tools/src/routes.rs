//! What this door offers, from top to bottom.

use http::Method;
use tollgate_edge::shapes::List;
use tollgate_edge::{Dialect, Row, bind};
use tollgate_gate::PLAIN_BODY_MAX;
use tollgate_kernel::{Access, Manage, Noun};

use crate::manage::ToolChange;
use crate::manage::callbacks::{self, CallbackBody, CallbackView};
use crate::manage::service_tokens::{self, Rotation, ServiceTokenBody, ServiceTokenView};
use crate::manage::tools::{self, ListQuery, ToolView};
use crate::manage::verification::{self, VerificationBody};
use crate::state::ToolsState;
use crate::{call, pages, publish};

/// The largest body that describes a tool: its OpenAPI document may be in it.
const DESCRIPTION_LIMIT: usize = 6 * 1024 * 1024;

/// The methods that operations have.
const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The rows of this door, with their state.
pub fn rows(state: &ToolsState) -> Vec<Row> {
    bind(unbound(), state)
}

pub(crate) fn unbound() -> Vec<Row<ToolsState>> {
    let mut rows = documents();
    rows.extend(operations());
    rows.extend(api());
    rows.extend(pages::rows());
    rows
}

/// What anybody may read of a tool.
fn documents() -> Vec<Row<ToolsState>> {
    const OPEN: Access = Access::Public;
    let rows = vec![
        Row::get(
            "/tools/{tool}/.well-known/ai-plugin.json",
            OPEN,
            "The plugin manifest of a tool",
            publish::manifest,
        ),
        Row::get("/tools/{tool}/openapi.json", OPEN, "What a tool can do", publish::openapi),
        Row::get(
            "/tools/{tool}/.well-known/openapi.json",
            OPEN,
            "What a tool can do, at the root of our own origin",
            publish::openapi,
        ),
        Row::get(
            "/tools/{tool}/.well-known/logo.svg",
            OPEN,
            "A logo for tools that have none",
            publish::logo,
        ),
        Row::get(
            "/tools/{tool}/.well-known/legal.txt",
            OPEN,
            "Words for tools that have no legal page",
            publish::legal,
        ),
    ];
    rows.into_iter().map(|row| row.ignores_credentials().dialect(Dialect::Problem)).collect()
}

/// What is called. Who may call depends on the tool: each handler asks for the credential itself.
fn operations() -> Vec<Row<ToolsState>> {
    let paths = ["/tools/{tool}", "/tools/{tool}/", "/tools/{tool}/{*path}"];
    let both = paths.into_iter().flat_map(|path| METHODS.map(|method| (path, method)));
    let row = |(path, method)| {
        Row::new(method, path, Access::Public, "Call an operation of a tool", call::operation)
            .ignores_credentials()
            .dialect(Dialect::Problem)
            .body_limit(PLAIN_BODY_MAX)
    };
    both.map(row).collect()
}

const READ: Access = Access::Api(Manage::read(Noun::Tools));
const WRITE: Access = Access::Api(Manage::write(Noun::Tools));

/// The management API.
fn api() -> Vec<Row<ToolsState>> {
    let mut rows = vec![
        Row::get("/api/v1/tools", READ, "List tools", tools::list)
            .asks::<ListQuery>()
            .answers::<List<ToolView>>(),
        Row::post("/api/v1/tools", WRITE, "Offer an API as a tool", tools::create)
            .takes::<ToolChange>()
            .answers::<ToolView>()
            .body_limit(DESCRIPTION_LIMIT),
        Row::get("/api/v1/tools/{id}", READ, "Show a tool", tools::show).answers::<ToolView>(),
        Row::patch("/api/v1/tools/{id}", WRITE, "Change a tool", tools::update)
            .takes::<ToolChange>()
            .answers::<ToolView>()
            .body_limit(DESCRIPTION_LIMIT),
        Row::delete("/api/v1/tools/{id}", WRITE, "Remove a tool", tools::delete),
        Row::put(
            "/api/v1/tools/{id}/verification-tokens/{service}",
            WRITE,
            "Publish what a service wants to read",
            verification::put,
        )
        .takes::<VerificationBody>()
        .answers::<ToolView>(),
        Row::delete(
            "/api/v1/tools/{id}/verification-tokens/{service}",
            WRITE,
            "Publish it no longer",
            verification::delete,
        ),
        Row::get("/api/v1/tools/{id}/callbacks", READ, "List callbacks", callbacks::list)
            .answers::<List<CallbackView>>(),
        Row::put(
            "/api/v1/tools/{id}/callbacks/{plugin_id}",
            WRITE,
            "Accept a callback of a plugin host, or not",
            callbacks::put,
        )
        .takes::<CallbackBody>()
        .answers::<CallbackView>(),
    ];
    rows.extend(tokens());
    rows
}

/// The tokens of services.
fn tokens() -> Vec<Row<ToolsState>> {
    vec![
        Row::get(
            "/api/v1/tools/{id}/service-tokens",
            READ,
            "List service tokens",
            service_tokens::list,
        )
        .answers::<List<ServiceTokenView>>(),
        Row::post(
            "/api/v1/tools/{id}/service-tokens",
            WRITE,
            "Give a service a token, shown once",
            service_tokens::create,
        )
        .takes::<ServiceTokenBody>()
        .answers::<ServiceTokenView>(),
        Row::get(
            "/api/v1/tools/{id}/service-tokens/{token}",
            READ,
            "Show a service token",
            service_tokens::show,
        )
        .answers::<ServiceTokenView>(),
        Row::post(
            "/api/v1/tools/{id}/service-tokens/{token}/rotate",
            WRITE,
            "Give a service another token, shown once",
            service_tokens::rotate,
        )
        .takes::<Rotation>()
        .answers::<ServiceTokenView>(),
        Row::delete(
            "/api/v1/tools/{id}/service-tokens/{token}",
            WRITE,
            "Cut a service off",
            service_tokens::revoke,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_and_query_refuses_unknown_members() {
        assert_eq!(tollgate_edge::loose_schemas(&unbound()), Vec::<String>::new());
    }
}
