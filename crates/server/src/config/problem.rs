//! What is wrong with a configuration, all of it together, each with its place.

use std::collections::BTreeMap;
use std::fmt;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file, at this line (from 1).
    File {
        /// The file as it was named.
        name: String,
        /// The line.
        line: usize,
    },
    /// The environment variable of this name.
    Env(String),
    /// The command line's flag of this name.
    Flag(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Env(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where each key comes from, by its path.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(super) fn set(&mut self, path: &str, origin: Origin) {
        self.0.insert(path.to_owned(), origin);
    }

    /// Forgets everything under `path`, which is about to be replaced.
    pub(super) fn forget(&mut self, path: &str) {
        self.0.retain(|other, _| !covers(path, other));
    }

    /// The origin of the setting `path`: its own, or that of the list or table whose value it was
    /// part of; a default within a section of the file is a default.
    pub(super) fn exactly(&self, path: &str) -> Origin {
        match self.0.get(path) {
            Some(origin) => origin.clone(),
            None => match self.of(path) {
                Origin::File { .. } => Origin::Default,
                other => other,
            },
        }
    }

    /// The origin of `path`, or of the closest thing around it.
    pub(super) fn of(&self, path: &str) -> Origin {
        let mut rest = path;
        loop {
            if let Some(origin) = self.0.get(rest) {
                return origin.clone();
            }
            match rest.rfind(['.', '[']) {
                Some(at) => rest = rest.get(..at).unwrap_or_default(),
                None => return Origin::Default,
            }
        }
    }
}

/// Whether `path` is `outer` or lies in it.
fn covers(outer: &str, path: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']) || outer.is_empty())
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, for example `plan[0].rates.concurrent`; empty where it is about no key.
    pub path: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong, then what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All mistakes of a configuration, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a mistake, unless one was told already about this key or about what it lies in.
    pub(super) fn add(&mut self, origins: &Origins, path: &str, message: impl Into<String>) {
        let told = |other: &Problem| !other.path.is_empty() && covers(&other.path, path);
        if !self.0.iter().any(told) {
            let origin = origins.of(path);
            self.0.push(Problem { path: path.to_owned(), origin, message: message.into() });
        }
    }

    /// `value` if there is no mistake, else all mistakes, sorted.
    pub(super) fn unless_any<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| a.origin.cmp(&b.origin));
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// `; did you mean "…"?`, where one of `known` is close enough to `word` to be meant.
pub(super) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let close = word.chars().count().div_ceil(3);
    known
        .map(|other| (distance(word, other), other))
        .filter(|(distance, _)| *distance <= close)
        .min()
        .map_or_else(String::new, |(_, other)| format!("; did you mean {other:?}?"))
}

/// How many letters must be added, dropped or changed to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut above = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = above + usize::from(from != *to);
            above = *cell;
            left = changed.min(above + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("listen", "lisen", 1),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn only_close_words_are_offered() {
        let known = ["listen", "public_url", "data_dir"];
        assert_eq!(did_you_mean("publik_url", known.into_iter()), "; did you mean \"public_url\"?");
        assert_eq!(did_you_mean("zzz", known.into_iter()), "");
    }
}
