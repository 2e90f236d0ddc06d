//! JSON Schema as tables for people.

use std::fmt::Write;

use serde_json::Value;

/// A document whose references start with `#/`.
pub(super) struct Document(pub(super) Value);

impl Document {
    /// What a reference leads to, and the name that it has.
    pub(super) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let pointer = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(schema)
    }

    /// What a member is that may be left out: the one thing beside `null`, else itself.
    pub(super) fn said<'a>(&self, schema: &'a Value) -> &'a Value {
        match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([one, other]) if other["type"] == "null" => one,
            _ => schema,
        }
    }

    /// The kind of a value, in words.
    pub(super) fn kind(&self, schema: &Value) -> String {
        if let Some(item) = self.item_of_page(schema) {
            return format!("a page of {}", self.kind(item));
        }
        if let Some(name) = name(schema) {
            return format!("[`{name}`](#{})", name.to_lowercase());
        }
        if let Some(words) = words(self.resolved(schema)) {
            return words;
        }
        let schema = self.resolved(schema);
        let several = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        if let Some(several) = several {
            let meant = several.iter().filter(|one| one["type"] != "null");
            let mut kinds: Vec<String> = meant.map(|one| self.kind(one)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
        match types(schema).as_slice() {
            ["array"] => format!("list of {}", self.kind(&schema["items"])),
            [] if schema["properties"].is_object() => "table".to_owned(),
            [] => "anything".to_owned(),
            several => several.join(" or ").replace("object", "table"),
        }
    }

    /// What a page of a list holds, where `schema` is one.
    pub(super) fn item_of_page<'a>(&'a self, schema: &'a Value) -> Option<&'a Value> {
        name(schema).filter(|name| name.starts_with("List"))?;
        let members = &self.resolved(schema)["properties"];
        members.get("next").and_then(|_| members["items"].get("items"))
    }

    /// The members of an object, as a table.
    pub(super) fn table(&self, out: &mut String, schema: &Value) {
        out.push_str("| member | kind | meaning |\n|---|---|---|\n");
        let schema = self.resolved(schema);
        let needed = |name: &str| {
            let list = schema["required"].as_array();
            list.is_some_and(|list| list.iter().any(|needed| needed == name))
        };
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let needed = if needed(name) { ", needed" } else { "" };
            let meaning = super::cell(self.meaning(member));
            let bounds = bounds(self.resolved(member));
            writeln!(out, "| `{name}` | {}{bounds}{needed} | {meaning} |", self.kind(member))
                .unwrap();
        }
    }

    /// What a member means: its own words, else those of its type.
    pub(super) fn meaning<'a>(&'a self, schema: &'a Value) -> &'a str {
        let own = schema["description"].as_str();
        own.or_else(|| self.resolved(schema)["description"].as_str()).unwrap_or_default()
    }
}

/// The name of what a schema refers to.
pub(super) fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// From and to, where a number has bounds.
pub(super) fn bounds(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) if low > 0 => format!(", at least {low}"),
        (None, Some(high)) => format!(", at most {high}"),
        _ => String::new(),
    }
}

/// The words that a value is one of.
fn words(schema: &Value) -> Option<String> {
    let quoted = |word: &Value| Some(format!("`{}`", word.as_str()?));
    let listed = schema["enum"].as_array().map(|list| list.iter().filter_map(quoted).collect());
    let constants = || -> Option<Vec<String>> {
        let list = schema["oneOf"].as_array()?;
        list.iter().map(|one| quoted(&one["const"])).collect()
    };
    let words: Vec<String> = listed.or_else(constants)?;
    Some(words.join(", "))
}

fn types(schema: &Value) -> Vec<&str> {
    let all = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|kind| *kind != "null").collect()
}
