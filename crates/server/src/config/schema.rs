//! The shape of the file, as JSON Schema made from the raw types, and a walk along it that finds
//! every key and value that does not fit, where serde would stop at the first.

use serde_json::Value;

use super::problem::{Origins, Problems, did_you_mean};
use super::raw::Raw;
use super::tree::join;

/// The JSON Schema (2020-12) of the configuration file.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn new() -> Self {
        Self(schemars::schema_for!(Raw).to_value())
    }

    pub(super) fn into_value(self) -> Value {
        self.0
    }

    /// Whether the value at this place may be a text.
    pub(super) fn takes_text(&self, keys: &[&str]) -> bool {
        let mut node = &self.0;
        for key in keys {
            node = self.resolve(node);
            let inner = match key.parse::<usize>() {
                Ok(_) => node.get("items"),
                Err(_) => node.pointer(&format!("/properties/{key}")),
            };
            let Some(inner) = inner else { return false };
            node = inner;
        }
        self.choices(node).iter().any(|schema| fits(schema, &Value::from("")))
    }

    /// Tells what in `value` does not fit, and takes it out or puts something neutral in its place,
    /// so that the rest can be read and checked too.
    pub(super) fn clean(&self, value: &mut Value, origins: &Origins, problems: &mut Problems) {
        let mut walk = Walk { schema: self, origins, problems };
        walk.node(&self.0, value, "");
    }

    fn resolve<'a>(&'a self, mut node: &'a Value) -> &'a Value {
        while let Some(name) = node.get("$ref").and_then(Value::as_str) {
            match name.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer)) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node
    }

    /// What a value at this place may be: the node itself where it has no variants.
    fn choices<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let node = self.resolve(node);
        match variants(node) {
            [] if types(node) == ["null"] => Vec::new(),
            [] => vec![node],
            several => several.iter().flat_map(|variant| self.choices(variant)).collect(),
        }
    }

    /// The description of what stands at this place, not of the key.
    fn told<'a>(&'a self, node: &'a Value) -> &'a str {
        let inner = variants(node).iter().map(|variant| self.resolve(variant));
        let inner = inner.clone().find(|variant| !variants(variant).is_empty()).unwrap_or(node);
        inner.get("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// A value that serde takes at this place; what is wrong there has been told.
    fn neutral(&self, node: &Value) -> Value {
        let node = self.resolve(node);
        if let Some(first) = variants(node).first() {
            return self.neutral(first);
        }
        if let Some(value) = node.get("const").or_else(|| node.pointer("/enum/0")) {
            return value.clone();
        }
        match types(node).first().copied() {
            Some("string") => Value::from(""),
            Some("integer") => node.get("minimum").cloned().unwrap_or_else(|| Value::from(0)),
            Some("boolean") => Value::Bool(false),
            Some("array") => Value::Array(Vec::new()),
            Some("object") => required(node)
                .filter_map(|key| {
                    let inner = node.pointer(&format!("/properties/{key}"))?;
                    Some((key.to_owned(), self.neutral(inner)))
                })
                .collect(),
            _ => Value::Null,
        }
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    origins: &'a Origins,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, message: String) -> bool {
        self.problems.add(self.origins, path, message);
        false
    }

    /// Whether `value` fits, after cleaning what lies in it.
    fn node(&mut self, node: &Value, value: &mut Value, path: &str) -> bool {
        let node = self.schema.resolve(node);
        if !variants(node).is_empty() {
            return self.variant(node, value, path);
        }
        if !fits(node, value) {
            return self.fault(path, expected(node));
        }
        if let Some(allowed) = node.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            return self.unknown_word(value, allowed, path);
        }
        match value {
            Value::Number(_) => self.number(node, value, path),
            Value::Array(items) => {
                let Some(inner) = node.get("items") else { return true };
                for (at, item) in items.iter_mut().enumerate() {
                    if !self.node(inner, item, &format!("{path}[{at}]")) {
                        *item = self.schema.neutral(inner);
                    }
                }
                true
            }
            Value::Object(_) => {
                self.object(node, value, path);
                true
            }
            _ => true,
        }
    }

    fn variant(&mut self, node: &Value, value: &mut Value, path: &str) -> bool {
        let all = self.schema.choices(node);
        let words: Vec<Value> = all.iter().filter_map(|v| v.get("const").cloned()).collect();
        if !words.is_empty() && words.len() == all.len() {
            return words.contains(value) || self.unknown_word(value, &words, path);
        }
        let fitting: Vec<&&Value> = all.iter().filter(|v| fits(v, value)).collect();
        if let [one] = fitting[..] {
            return self.node(one, value, path);
        }
        // Several tables are possible: the one whose keys are there is meant.
        let keys: Vec<&String> = value.as_object().into_iter().flat_map(|map| map.keys()).collect();
        let meant = fitting.iter().find(|v| {
            v.get("properties")
                .and_then(Value::as_object)
                .is_some_and(|known| keys.len() == 1 && keys.iter().all(|k| known.contains_key(*k)))
        });
        match meant {
            Some(one) => self.node(one, value, path),
            None => self.fault(path, format!("does not fit: {}", self.schema.told(node))),
        }
    }

    fn object(&mut self, node: &Value, value: &mut Value, path: &str) {
        let (Some(map), Some(known)) =
            (value.as_object_mut(), node.get("properties").and_then(Value::as_object))
        else {
            return;
        };
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in keys {
            let at = join(path, &key);
            let Some(inner) = known.get(&key) else {
                let hint = did_you_mean(&key, known.keys().map(String::as_str));
                self.fault(&at, format!("there is no such key{hint}"));
                map.remove(&key);
                continue;
            };
            let fitting = map.get_mut(&key).is_some_and(|value| self.node(inner, value, &at));
            if !fitting {
                map.remove(&key);
            }
        }
        for key in required(node).filter(|key| !map.contains_key(*key)).collect::<Vec<_>>() {
            self.fault(&join(path, key), "is missing".to_owned());
            map.insert(
                key.to_owned(),
                known.get(key).map_or(Value::Null, |s| self.schema.neutral(s)),
            );
        }
    }

    fn number(&mut self, node: &Value, value: &Value, path: &str) -> bool {
        let limit = |name| node.get(name).and_then(Value::as_i64);
        let (low, high) = (limit("minimum").unwrap_or(i64::MIN), limit("maximum"));
        let given = value.as_i64().unwrap_or(i64::MAX);
        if low <= given && given <= high.unwrap_or(i64::MAX) {
            return true;
        }
        let range = match high {
            Some(high) => format!("from {low} to {high}"),
            None => format!("of at least {low}"),
        };
        self.fault(path, format!("is {value}; use a whole number {range}"))
    }

    fn unknown_word(&mut self, value: &Value, allowed: &[Value], path: &str) -> bool {
        let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let hint = value.as_str().map_or_else(String::new, |given| {
            format!("is {given:?}{}: ", did_you_mean(given, words.iter().copied()))
        });
        self.fault(path, format!("{hint}use one of {}", words.join(", ")))
    }
}

fn variants(node: &Value) -> &[Value] {
    let list = node.get("anyOf").or_else(|| node.get("oneOf"));
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn types(node: &Value) -> Vec<&str> {
    match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn required(node: &Value) -> impl Iterator<Item = &str> {
    node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn fits(node: &Value, value: &Value) -> bool {
    let types = types(node);
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_number = name == "integer" && types.contains(&"number");
    is_number || types.contains(&name) || (types.is_empty() && variants(node).is_empty())
}

fn expected(node: &Value) -> String {
    let name = match types(node).first() {
        Some(&"string") => "a text in quotes",
        Some(&"integer") => "a whole number",
        Some(&"number") => "a number",
        Some(&"boolean") => "true or false",
        Some(&"array") => "a list in [ ]",
        Some(&"object") => "a table",
        _ => "something else",
    };
    format!("should be {name}")
}
