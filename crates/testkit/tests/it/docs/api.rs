//! `docs/reference/api.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;
use tollgate_edge::{Dialect, NetworkBook, NetworkLimits, Route, Row};
use tollgate_gate::NoPrices;
use tollgate_kernel::{Access, Action};
use tollgate_server::wire::Doors;
use tollgate_testkit::{Engine, TestServer};
use tollgate_tools::ToolsState;

use super::schema::{Document, name};
use super::{cell, is_committed};

const HEAD: &str = "\
# HTTP interface

Made from the route rows; a running server describes itself at `/openapi.json`.

Credentials: `Authorization: Bearer …` with an API key or an access token, `api-key` or
`x-api-key` with a key, or the browser's session. One of them: two are refused. With a session,
the management API also wants the header `X-Tollgate-CSRF` with the token of the page that calls.

Every answer has an `x-request-id`. What goes wrong is told as [errors](errors.md) say. Lists are
cut into pages, `{ \"items\": [ … ], \"next\": … }`: `limit` says how many, `cursor` is the `next`
of the page before.
";

/// What answers of model calls say beside their bodies.
const TOLD: &str = "
Answers to calls have, beside the body:

| header | meaning |
|---|---|
| `x-tollgate-max-output-tokens` | The output ceiling that was set, because the call named none or \
a higher one. |
| `Tollgate-Profile` | What profiles put into the call, if anything: a list (RFC 9651, 3.1) of \
`plan` and `user`, each with a parameter `applied`, a string with some of `instructions`, \
`temperature`, `top_p`, `max_output_tokens`, `reasoning_effort` between commas. |
| `x-ratelimit-…` | `limit`, `remaining` and `reset` of the caller's own rates, of `requests` and \
`tokens`. |
| `x-upstream-request-id` | The provider's name for it. |
";

#[tokio::test]
async fn the_api_reference_is_the_programs() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let doors = Doors {
        gate: server.gate.clone(),
        prices: Arc::new(NoPrices),
        request_bytes: 32 * 1024 * 1024,
        networks: NetworkBook::new(NetworkLimits::default(), server.gate.clock().clone()),
        keys_in_the_clear: true,
        tools: ToolsState::new(server.gate.clone(), &server.url.parse().unwrap()),
    };
    let mut rows = doors.rows(&server.url);
    rows.sort_by_key(|row| (row.route().path, row.route().method.to_string()));
    let described = Document(server.anonymous().get("/openapi.json").await.unwrap().json());
    let mut page = HEAD.to_owned();
    let mut shapes = BTreeSet::new();
    let of = |door: fn(&Route) -> bool| rows.iter().map(Row::route).filter(move |r| door(r));
    page.push_str("\n## Models\n");
    page.push_str(TOLD);
    for route in of(|route| route.dialect == Dialect::OpenAi) {
        operation(&mut page, &described, route, &mut shapes);
    }
    page.push_str("\n## Management\n");
    for route in of(|route| route.path.starts_with("/api/")) {
        operation(&mut page, &described, route, &mut shapes);
    }
    page.push_str("\n## Pages and the rest\n\n| route | what | who |\n|---|---|---|\n");
    let rest = |r: &Route| r.dialect != Dialect::OpenAi && !r.path.starts_with("/api/");
    for Route { method, path, summary, access, .. } in of(rest) {
        writeln!(page, "| `{method} {path}` | {} | {} |", cell(summary), who(*access)).unwrap();
    }
    page.push_str("\n## Shapes\n");
    all_shapes(&mut page, &described, &shapes);
    drop(rows);
    is_committed("api.md", &page);
    server.stop().await.unwrap();
}

fn operation(page: &mut String, all: &Document, route: &Route, shapes: &mut BTreeSet<String>) {
    let Route { method, path, summary, access, body_limit, .. } = route;
    let place = path.replace("{*", "{");
    let found = &all.0["paths"][&place][method.as_str().to_lowercase()];
    assert!(found.is_object(), "{method} {path} is not described");
    write!(page, "\n### {method} {path}\n\n{summary}. Asks for {}.", who(*access)).unwrap();
    let takes = found["requestBody"]["content"].as_object().and_then(|all| all.values().next());
    if takes.is_some() || *method == "POST" {
        write!(page, " Bodies of up to {} bytes.", grouped(*body_limit)).unwrap();
    }
    page.push('\n');
    let empty = Vec::new();
    let parameters = found["parameters"].as_array().unwrap_or(&empty);
    let query: Vec<&Value> = parameters.iter().filter(|p| p["in"] == "query").collect();
    if !query.is_empty() {
        page.push_str("\n| query | kind | meaning |\n|---|---|---|\n");
        for one in query {
            let meaning = cell(all.meaning(&one["schema"]));
            let kind = all.kind(&one["schema"]);
            note(&one["schema"], shapes);
            writeln!(page, "| `{}` | {kind} | {meaning} |", one["name"].as_str().unwrap()).unwrap();
        }
    }
    if let Some(body) = takes {
        page.push('\n');
        all.table(page, &body["schema"]);
        note(all.resolved(&body["schema"]), shapes);
    }
    let answers = found["responses"]["2XX"]["content"].as_object();
    let answer = answers.and_then(|all| all.values().next()).map(|answer| &answer["schema"]);
    if let Some(schema) = answer.filter(|schema| schema.is_object()) {
        writeln!(page, "\nAnswers {}.", all.kind(schema)).unwrap();
        note(all.item_of_page(schema).unwrap_or(schema), shapes);
    }
}

/// Remembers every shape that `schema` names.
fn note(schema: &Value, shapes: &mut BTreeSet<String>) {
    if let Some(name) = name(schema) {
        shapes.insert(name.to_owned());
    }
    match schema {
        Value::Object(members) => members.values().for_each(|member| note(member, shapes)),
        Value::Array(items) => items.iter().for_each(|item| note(item, shapes)),
        _ => {}
    }
}

/// The named shapes, and those that they name in turn.
fn all_shapes(page: &mut String, all: &Document, named: &BTreeSet<String>) {
    let mut shapes = named.clone();
    loop {
        let before = shapes.len();
        for name in shapes.clone() {
            note(&all.0["components"]["schemas"][&name], &mut shapes);
        }
        if shapes.len() == before {
            break;
        }
    }
    for name in shapes {
        let shape = &all.0["components"]["schemas"][&name];
        write!(page, "\n### {name}\n").unwrap();
        if let Some(words) = shape["description"].as_str() {
            write!(page, "\n{words}\n").unwrap();
        }
        page.push('\n');
        if shape["properties"].is_object() {
            all.table(page, shape);
        } else {
            writeln!(page, "{}", all.kind(shape)).unwrap();
        }
    }
}

fn who(access: Access) -> String {
    let right = |manage: tollgate_kernel::Manage| {
        let verb = if manage.action == Action::Read { "reading" } else { "changing" };
        format!("{verb} `{}`", format!("{:?}", manage.noun).to_lowercase())
    };
    match access {
        Access::Public => "nothing".to_owned(),
        Access::Page(manage) => format!("a session, {}", right(manage)),
        Access::Api(manage) => right(manage),
        Access::Models => "a caller of models".to_owned(),
        Access::Connections => "a person with connections".to_owned(),
    }
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
