//! Whether all languages of a crate say the same: used by the tests of every crate with texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Locale;

/// The keys of a language's texts, and the places to be filled in each.
type Keys = BTreeMap<String, BTreeSet<String>>;

/// What differs between the languages below `folder` (a crate's `locales`), one line for each;
/// empty when each has the same keys with the same places. For tests: it reads the sources.
pub fn differences(folder: &Path) -> Result<Vec<String>, std::io::Error> {
    let mut found = Vec::new();
    let english = keys(&folder.join(Locale::En.tag()))?;
    for locale in Locale::ALL {
        let theirs = keys(&folder.join(locale.tag()))?;
        for (key, places) in &english {
            match theirs.get(key) {
                None => found.push(format!("{}: {key} is missing", locale.tag())),
                Some(other) if other != places => {
                    found.push(format!("{}: {key} fills in other places", locale.tag()));
                }
                Some(_) => {}
            }
        }
        let extra = theirs.keys().filter(|key| !english.contains_key(*key));
        found.extend(extra.map(|key| format!("{}: {key} is not in en", locale.tag())));
    }
    Ok(found)
}

fn keys(folder: &Path) -> Result<Keys, std::io::Error> {
    let mut keys = Keys::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        let mut current = None;
        for line in text.lines() {
            if let Some((key, _)) = line.split_once('=').filter(|(key, _)| is_key(key.trim_end())) {
                current = Some(key.trim_end().to_owned());
            }
            let Some(key) = &current else { continue };
            keys.entry(key.clone()).or_default().extend(places(line));
        }
    }
    Ok(keys)
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The names after `$` in a line.
fn places(line: &str) -> impl Iterator<Item = String> {
    line.split('$').skip(1).map(|rest| {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect()
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_shells_languages_have_the_same_keys() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
        assert_eq!(differences(&folder).unwrap(), Vec::<String>::new());
        assert!(keys(&folder.join("en")).unwrap().len() > 20);
    }

    #[test]
    fn places_are_found() {
        let found: Vec<String> = places("a = { $left } of { NUMBER($all) }").collect();
        assert_eq!(found, ["left", "all"]);
    }
}
