//! Every setting with its value and its origin, for `tollgate config show`.

use serde_json::Value;

use super::problem::Origins;
use super::raw::Raw;
use super::tree::join;
use super::{Server, Shown};

/// All settings, sorted by key. Secrets serialize as the place they come from.
pub(super) fn settings(raw: &Raw, server: &Server, origins: &Origins) -> Vec<Shown> {
    let mut tree = serde_json::to_value(raw).unwrap_or_default();
    if let Some(section) = tree.get_mut("server").and_then(Value::as_object_mut) {
        let data_dir = server.data_dir.display().to_string();
        section.insert("data_dir".to_owned(), data_dir.into());
        let url = server.public_url(server.listen).map(String::from).unwrap_or_default();
        section.insert("public_url".to_owned(), url.trim_end_matches('/').into());
    }
    let mut shown = Vec::new();
    collect(&tree, "", origins, &mut shown);
    shown.sort_by(|a, b| a.path.cmp(&b.path));
    shown
}

fn collect(value: &Value, path: &str, origins: &Origins, shown: &mut Vec<Shown>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, &join(path, key), origins, shown);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, value) in items.iter().enumerate() {
                collect(value, &format!("{path}[{at}]"), origins, shown);
            }
        }
        _ => shown.push(Shown {
            path: path.to_owned(),
            value: value.to_string(),
            origin: origins.exactly(path).to_string(),
        }),
    }
}
