//! The files that tidy reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders that hold nothing of ours.
const NOT_OURS: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Endings of the files that some rule is about.
const ENDINGS: [&str; 4] = [".rs", ".sql", "Cargo.toml", "package-lock.json"];

/// Texts of files by path, relative to the workspace's root, with `/` between folders.
#[derive(Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads what some rule is about below `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// A tree of these files.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(own).collect() }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The text of the file at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Path and text of the files whose paths end so.
    pub(super) fn ending<'a>(
        &'a self,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let shown = || format!("cannot read {}", folder.display());
        for item in fs::read_dir(folder).with_context(shown)? {
            let item = item.with_context(shown)?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = item.file_type().with_context(shown)?;
            if kind.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                self.read_folder(&item.path(), &format!("{path}/"))?;
            } else if kind.is_file() && is_read(&path) {
                let text = fs::read_to_string(item.path())
                    .with_context(|| format!("cannot read {path}"))?;
                self.files.insert(path, text);
            }
        }
        Ok(())
    }
}

fn is_read(path: &str) -> bool {
    path == super::ALLOW_FILE || ENDINGS.iter().any(|ending| path.ends_with(ending))
}
