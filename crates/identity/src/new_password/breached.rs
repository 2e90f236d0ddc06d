//! Passwords that were stolen elsewhere, as far as a small list knows them.

/// In small letters, sorted by their bytes, one in a line. `data/README.md` says where they come
/// from.
const LIST: &str = include_str!("../../data/breached.txt");

/// Whether `password` is one of the list: itself, again and again, or with a little around it that
/// is no letter. In any case of letters, for that is what is tried first.
pub(super) fn is_known(password: &str) -> bool {
    let whole = password.to_lowercase();
    let core = whole.trim_matches(|c: char| !c.is_alphabetic());
    // What is mostly digits is judged by its digits.
    let is_mostly = core.chars().count() * 2 > whole.chars().count();
    is_listed(&whole) || is_listed(unit_of(&whole)) || (is_mostly && is_listed(unit_of(core)))
}

/// The shortest beginning that `text` is a repetition of.
fn unit_of(text: &str) -> &str {
    let whole = |len: &usize| text.len().is_multiple_of(*len);
    let unit = (1..=text.len() / 2).filter(whole).find_map(|len| {
        let unit = text.get(..len)?;
        (unit.repeat(text.len() / len) == text).then_some(unit)
    });
    unit.unwrap_or(text)
}

/// Looks `word` up by halves, in the text as it is: an index would be as large again.
fn is_listed(word: &str) -> bool {
    let mut rest = LIST.trim_end().as_bytes();
    while !rest.is_empty() {
        let (before, after) = rest.split_at(rest.len() / 2);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = after.iter().position(|byte| *byte == b'\n');
        let end = end.map_or(rest.len(), |at| before.len() + at);
        let line = rest.get(start..end).unwrap_or_default();
        rest = match line.cmp(word.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest.get(end + 1..).unwrap_or_default(),
            std::cmp::Ordering::Greater => rest.get(..start.saturating_sub(1)).unwrap_or_default(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_nothing_between_them() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() > 3_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a < b), "sorted, and each once");
        for line in &lines {
            assert!(is_listed(line), "{line}");
            assert_eq!(*line, line.to_lowercase().trim());
            for other in [format!("{line}\u{1}"), format!("{line}~~"), line[1..].to_owned()] {
                assert_eq!(is_listed(&other), lines.contains(&other.as_str()), "{other:?}");
            }
        }
        for absent in ["", "\n", " ", "~", "\u{10ffff}"] {
            assert!(!is_listed(absent), "{absent:?}");
        }
    }

    #[test]
    fn what_is_little_more_than_a_listed_one_is_known_too() {
        for known in [
            "password",
            "PassWord",
            "passwordpassword",
            "PasswordPassword",
            "!!password12345",
            "12passwordpassword!",
            "1q2w3e4r1q2w3e4r",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in
            ["my password is a secret", "4815162342-dragon-99218", "correct horse battery", ""]
        {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
