//! The reference pages, made from the program. `UPDATE=1` writes them anew.

mod api;
mod blocks;
mod configuration;
mod errors;
mod limits;
mod log;
mod metrics;
mod schema;

use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page is what the program says; with `UPDATE` set, it becomes that.
fn is_committed(page: &str, now: &str) {
    let path = root().join("docs/reference").join(page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (now, then) in now.lines().zip(committed.lines()) {
        assert_eq!(now, then, "docs/reference/{page} is old; UPDATE=1 writes it anew");
    }
    assert!(now == committed, "docs/reference/{page} is old; UPDATE=1 writes it anew");
}

/// `text` as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
