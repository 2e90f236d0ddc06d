//! `docs/reference/configuration.md`.

use std::fmt::Write;

use serde_json::Value;
use tollgate_server::config::Config;

use super::schema::{Document, bounds};
use super::{cell, is_committed, limits};

const HEAD: &str = "\
# Configuration

Made from the program's own schema; `tollgate config schema` prints it, `tollgate config check`
reads a file and tells all mistakes together, `tollgate config show` prints every setting and
where it comes from, secrets left out.

No file is needed. What is set comes, each over the one before, from: the defaults; the file named
by `--config` or `TOLLGATE_CONFIG` (TOML); the environment (`TOLLGATE__SERVER__LISTEN` is
`server.listen`); flags (`--listen`, or `--set KEY=VALUE` for any key). A change needs a restart.

`OPENAI_API_KEY` in the environment is an upstream `openai` where none is declared;
`OPENAI_BASE_URL` says where it is, if not at OpenAI's.

A secret is given by its text, or as `{ file = \"…\" }`, `{ env = \"…\" }` or `{ credential =
\"…\" }` (of systemd).

```toml
[server]
listen = \"0.0.0.0:8700\"
public_url = \"https://ai.example.com\"
trusted_proxies = [\"10.0.0.0/8\"]

[[upstream]]
id = \"openai\"
base_url = \"https://api.openai.com/v1\"
api_key = { env = \"OPENAI_API_KEY\" }

[[model]]
alias = \"small\"
upstream = \"openai\"
model = \"gpt-4o-mini\"

[[plan]]
id = \"everybody\"
models = [\"small\"]
rates = { requests_per_minute = 60, concurrent = 4 }
budgets = [{ unit = \"tokens\", limit = 200_000, period = \"day\" }]
time_zone = \"Europe/Berlin\"
```
";

#[test]
fn the_configuration_reference_is_the_programs() {
    let schema = Document(Config::schema());
    let mut page = HEAD.to_owned();
    let sections = schema.0["properties"].as_object().unwrap();
    let is_list = |section: &Value| section["type"] == "array";
    for (name, section) in sections.iter().filter(|(_, section)| !is_list(section)) {
        write!(page, "\n## [{name}]\n\n{}\n\n", schema.meaning(section)).unwrap();
        page.push_str(COLUMNS);
        rows(&mut page, &schema, section, "");
    }
    for (name, section) in sections.iter().filter(|(_, section)| is_list(section)) {
        let item = schema.resolved(&section["items"]);
        write!(page, "\n## [[{name}]]\n\n{}\n\n", schema.meaning(section)).unwrap();
        writeln!(page, "{}\n", schema.meaning(item)).unwrap();
        page.push_str(COLUMNS);
        rows(&mut page, &schema, item, "");
    }
    limits::table(&mut page);
    is_committed("configuration.md", &page);
}

const COLUMNS: &str = "| key | kind | usually | meaning |\n|---|---|---|---|\n";

/// One line for each key; those of tables inside follow with their whole path.
fn rows(page: &mut String, schema: &Document, section: &Value, before: &str) {
    let section = schema.resolved(section);
    let needed = section["required"].as_array();
    for (name, member) in section["properties"].as_object().unwrap() {
        let path = format!("{before}{name}");
        let inner = schema.resolved(schema.said(member));
        if inner["properties"].is_object() {
            rows(page, schema, inner, &format!("{path}."));
            continue;
        }
        let is_needed = needed.is_some_and(|list| list.iter().any(|needed| needed == name));
        let usual = match &inner_default(schema, section, member, name) {
            _ if is_needed => "must be given".to_owned(),
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let kind = kind(schema, member) + &bounds(inner);
        let meaning = cell(schema.meaning(member));
        writeln!(page, "| `{path}` | {kind} | {usual} | {meaning} |").unwrap();
    }
}

/// The default of a key: its own, or the one that its table gives it.
fn inner_default(schema: &Document, section: &Value, member: &Value, name: &str) -> Value {
    let own = &member["default"];
    let inner = &schema.resolved(member)["default"];
    let of_section = &section["default"][name];
    [own, inner, of_section].into_iter().find(|value| !value.is_null()).cloned().unwrap_or_default()
}

fn kind(schema: &Document, member: &Value) -> String {
    let text = schema.kind(member);
    // There are no shapes on this page to lead to: budgets and secrets are told by their words.
    let linked = text.contains("](#");
    match text.as_str() {
        _ if !linked => text,
        text if text.contains("RawSecret") => "secret".to_owned(),
        text if text.contains("RawBudget") => "list of { unit, limit, period }".to_owned(),
        text if text.contains("RawCertificate") => "list of { cert, key }".to_owned(),
        _ => schema.kind(schema.resolved(schema.said(member))),
    }
}
