//! `docs/reference/errors.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use http::Response;
use serde_json::Value;
use tollgate_edge::{Dialect, render};
use tollgate_kernel::{Blame, Error, Kind, RequestId, SeededRng, SystemClock};

use super::{cell, is_committed, root};

const HEAD: &str = "\
# Errors

Made from the program. Each kind of error has one status and one name in each dialect, whatever
route it comes from. `detail` or `message` says what is wrong and then what to do; `param` names
the member at fault; `x-request-id` finds the line in the [log](log.md). A fault of ours is never
a 401.

- Management answers `application/problem+json` (RFC 9457), with the member `code`.
- The models door answers OpenAI's error object, with `type` and `code`, and the headers that its
  SDKs heed: `Retry-After`, `retry-after-ms`, and `x-should-retry: false` where a retry cannot
  help. Inside a stream the same object comes as the last event.
- The token endpoint and its neighbours answer as RFC 6749 (5.2) says, with `error` and
  `error_description`; what an access token opens answers as RFC 6750 does. An internal fault is
  `server_error`, never an error of the client.
- Pages are pages; with `Accept: application/json` they answer as management does.

`Retry-After` (seconds) is told with every 429 and 503 that time can mend; more than 60 comes with
`x-should-retry: false`, and so does an empty budget.

| kind | status | management `code` | models `type` | models `code` | retry | who \
mends it | meaning |
|---|---|---|---|---|---|---|---|
";

#[tokio::test]
async fn the_error_reference_is_the_programs() {
    let meanings = meanings();
    let id = RequestId::new(&SystemClock::new(), &SeededRng::new(1));
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        let error = Error::new(kind, "what is wrong");
        let (problem, _) = read(render(&error, Dialect::Problem, id, None)).await;
        let (openai, retries) = read(render(&error, Dialect::OpenAi, id, None)).await;
        let text = |value: &Value| value.as_str().map_or("null".to_owned(), |t| format!("`{t}`"));
        let blame = match kind.blame() {
            Blame::Caller => "the caller",
            Blame::Upstream => "the provider",
            Blame::Us => "us",
        };
        let name = format!("{kind:?}");
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {blame} | {} |",
            problem["status"],
            text(&problem["code"]),
            text(&openai["error"]["type"]),
            text(&openai["error"]["code"]),
            if retries { "may help" } else { "no use" },
            cell(meanings.get(&name).unwrap()),
        )
        .unwrap();
    }
    is_committed("errors.md", &page);
}

async fn read(response: Response<axum::body::Body>) -> (Value, bool) {
    let retries = response.headers().get("x-should-retry").is_none();
    let body = axum::body::to_bytes(response.into_body(), 65_536).await.unwrap();
    (serde_json::from_slice(&body).unwrap(), retries)
}

/// The words about each kind in its source.
fn meanings() -> BTreeMap<String, String> {
    let source = std::fs::read_to_string(root().join("crates/kernel/src/error.rs")).unwrap();
    let body = source.split_once("pub enum Kind {").unwrap().1.split_once("\n}").unwrap().0;
    let mut words = String::new();
    let mut found = BTreeMap::new();
    for line in body.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(more) => words.push_str(more),
            None if !line.is_empty() => {
                let name = line.trim_end_matches(',').to_owned();
                found.insert(name, std::mem::take(&mut words).trim().to_owned());
            }
            None => {}
        }
    }
    found
}
