//! The three sources laid over one another: the file, then the environment, then flags.

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Origin, Origins, Problem, Problems};
use super::schema::Schema;
use super::{Override, Sources};

/// All values as one tree, and where each comes from.
pub(super) struct Tree {
    pub(super) root: Value,
    pub(super) origins: Origins,
}

/// What a variable of the environment starts with, and what stands between its parts.
const ENV_PREFIX: &str = "TOLLGATE__";

impl Tree {
    /// Reads the sources, the weakest first.
    pub(super) fn read(sources: &Sources, schema: &Schema, problems: &mut Problems) -> Self {
        let mut tree = Self { root: Value::Object(Map::new()), origins: Origins::default() };
        if let Some(file) = &sources.file {
            let name = file.path.display().to_string();
            tree.read_file(&name, &file.text, problems);
        }
        for (name, value) in &sources.env {
            if let Some(path) = name.strip_prefix(ENV_PREFIX) {
                let path = path.to_ascii_lowercase();
                let keys: Vec<&str> = path.split("__").collect();
                tree.lay_over(schema, &keys, value, &Origin::Env(name.clone()));
            }
        }
        for Override { path, value, flag } in &sources.flags {
            let keys: Vec<&str> = path.split('.').collect();
            tree.lay_over(schema, &keys, value, &Origin::Flag(flag.clone()));
        }
        tree.add_openai(sources);
        tree
    }

    fn read_file(&mut self, name: &str, text: &str, problems: &mut Problems) {
        let line_of =
            |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map_or(1, |span| line_of(span.start));
            problems.0.push(Problem {
                path: String::new(),
                origin: Origin::File { name: name.to_owned(), line },
                message: format!("this is not TOML: {}", error.message()),
            });
        }
        let place = |offset: usize| Origin::File { name: name.to_owned(), line: line_of(offset) };
        self.root = table_of(table.get_ref(), "", &place, &mut self.origins);
    }

    /// Puts `text` at the place that `keys` name, as what the schema expects there.
    fn lay_over(&mut self, schema: &Schema, keys: &[&str], text: &str, origin: &Origin) {
        let mut node = &mut self.root;
        let mut path = String::new();
        for key in keys {
            if let Some(list) = node.as_array().map(Vec::len)
                && let Some(at) = key.parse::<usize>().ok().filter(|at| *at < list)
            {
                path = format!("{path}[{at}]");
                node = &mut node[at];
                continue;
            }
            if !node.is_object() {
                self.origins.set(&path, origin.clone());
                *node = Value::Object(Map::new());
            }
            path = join(&path, key);
            node = &mut node[*key];
        }
        self.origins.forget(&path);
        self.origins.set(&path, origin.clone());
        *node = match schema.takes_text(keys) {
            true => Value::String(text.to_owned()),
            // What is no TOML value is kept as text; the schema then tells what it should be.
            false => DeValue::parse(text).map_or_else(
                |_| Value::String(text.to_owned()),
                |value| value_of(&value, &path, &|_| origin.clone(), &mut self.origins),
            ),
        };
    }

    /// A key of OpenAI's in the environment is an upstream, where none is declared.
    fn add_openai(&mut self, sources: &Sources) {
        const KEY: &str = "OPENAI_API_KEY";
        const BASE: &str = "OPENAI_BASE_URL";
        let set = |name: &str| sources.env.get(name).filter(|value| !value.trim().is_empty());
        if set(KEY).is_none() || self.root.get("upstream").is_some() {
            return;
        }
        let base = set(BASE).map_or("https://api.openai.com/v1", String::as_str);
        self.root["upstream"] = serde_json::json!([
            {"id": "openai", "base_url": base, "api_key": {"env": KEY}}
        ]);
        self.origins.set("upstream", Origin::Env(KEY.to_owned()));
        if set(BASE).is_some() {
            self.origins.set("upstream[0].base_url", Origin::Env(BASE.to_owned()));
        }
    }
}

/// The path of `key` in what lies at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

type Place<'a> = &'a dyn Fn(usize) -> Origin;

fn table_of(table: &DeTable<'_>, path: &str, place: Place<'_>, origins: &mut Origins) -> Value {
    let mut map = Map::new();
    for (key, value) in table {
        let path = join(path, key.get_ref());
        origins.set(&path, place(key.span().start));
        map.insert(key.get_ref().to_string(), value_of(value, &path, place, origins));
    }
    Value::Object(map)
}

fn value_of(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    place: Place<'_>,
    origins: &mut Origins,
) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().enumerate().map(|(at, item)| {
                let path = format!("{path}[{at}]");
                origins.set(&path, place(item.span().start));
                value_of(item, &path, place, origins)
            });
            Value::Array(items.collect())
        }
        DeValue::Table(table) => table_of(table, path, place, origins),
    }
}
