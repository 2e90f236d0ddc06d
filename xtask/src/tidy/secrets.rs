//! How secrets are compared: never by `==` on what they hold, which stops at the first byte that
//! differs and so tells by its time how far a guess agrees.

use super::Finding;
use super::tokens::{Source, Token, after_group};

const RULE: &str = "secret-comparison";

/// Types that hold a secret or a hash of one. They have no equality, or one in constant time.
const SECRETS: [&str; 4] = ["Secret", "PlainToken", "MasterKey", "HashedToken"];

/// The row of tokens that gives a secret away.
const EXPOSE: [&str; 4] = [".", "expose", "(", ")"];

/// Rows that change nothing of what is compared.
const AS_BYTES: [&str; 4] = [".", "as_bytes", "(", ")"];

/// Where `source` compares secrets in a time that tells of them.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let tokens = &source.production;
    let found = |at: usize, message: &str| {
        Some(Finding::new(RULE, &source.path, tokens.get(at)?.line, message))
    };
    let compared = (0..tokens.len()).filter(|at| is_compared(tokens, *at)).filter_map(|at| {
        found(at, "a secret compared by `==` here; instead: Vault::same, or compare keyed hashes")
    });
    let equal = (0..tokens.len()).filter(|at| is_equality(tokens, *at)).filter_map(|at| {
        found(at, "equality of a secret type here; instead: none, or one by Vault::same")
    });
    compared.chain(equal).collect()
}

/// Whether a secret is given away at `at` to be compared.
fn is_compared(tokens: &[Token], at: usize) -> bool {
    if !stands(tokens, at, &EXPOSE) {
        return false;
    }
    let mut end = at + EXPOSE.len();
    if stands(tokens, end, &AS_BYTES) {
        end += AS_BYTES.len();
    }
    if is_comparison(tokens, end) || stands(tokens, end, &[".", "eq", "("]) {
        return true;
    }
    // On the right: back over `&self.token`. What goes on after it is compared, not the secret.
    let is_path = |token: &Token| {
        let first = token.text.chars().next().unwrap_or(' ');
        first.is_alphanumeric() || first == '_' || [".", "::", "&", "*"].contains(&&*token.text)
    };
    let before = tokens.get(..at).unwrap_or(&[]);
    let begin = before.iter().rposition(|token| !is_path(token)).unwrap_or(0);
    let goes_on = stands(tokens, end, &["."]);
    !goes_on && begin > 0 && is_comparison(tokens, begin - 1)
}

/// Whether `==` or `!=` stands at `at`.
fn is_comparison(tokens: &[Token], at: usize) -> bool {
    stands(tokens, at, &["=", "="]) || stands(tokens, at, &["!", "="])
}

/// Whether a secret type gets its equality at `at`: derived, or written without [`Vault::same`].
fn is_equality(tokens: &[Token], at: usize) -> bool {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let is_secret =
        |at: usize| tokens.get(at).is_some_and(|token| SECRETS.contains(&token.text.as_str()));
    if stands(tokens, at, &["PartialEq", "for"]) && is_secret(at + 2) {
        let body = tokens.get(at + 3..after_group(tokens, at + 3)).unwrap_or(&[]);
        return !(0..body.len()).any(|at| stands(body, at, &["Vault", "::", "same"]));
    }
    if !stands(tokens, at, &["derive", "("]) {
        return false;
    }
    let end = after_group(tokens, at + 1);
    let derived = tokens.get(at..end).unwrap_or(&[]);
    // The item that it is for: past this attribute's bracket, past others, past `pub(crate)`.
    let item = (end..tokens.len()).find(|at| is(*at, "struct") || is(*at, "enum") || is(*at, ";"));
    let of_secret = item.is_some_and(|at| is(at, "struct") && is_secret(at + 1));
    of_secret && derived.iter().any(|token| token.text == "PartialEq")
}

fn stands(tokens: &[Token], at: usize, row: &[&str]) -> bool {
    let Some(begin) = tokens.get(at..) else { return false };
    begin.len() >= row.len() && begin.iter().zip(row).all(|(token, want)| token.text == *want)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use anyhow::Result;

    fn in_gate(text: &str) -> Result<Vec<&'static str>> {
        rules(&[("crates/gate/src/a.rs", text)])
    }

    #[test]
    fn secrets_compared_by_their_bytes_are_found() -> Result<()> {
        for text in [
            "fn a() -> bool { key.expose() == known }",
            "fn a() { if key.expose().as_bytes() != known { b(); } }",
            "fn a() -> bool { known == key.expose() }",
            "fn a() -> bool { c && known != &*self.keys.own.expose().as_bytes() }",
            "fn a() -> bool { key.expose().eq(known) }",
            "fn a() { keys.iter().any(|key| key.expose() == known); }",
        ] {
            assert_eq!(in_gate(text)?, ["secret-comparison"], "{text}");
        }
        for text in [
            "fn a() -> bool { key.expose().len() == 32 }",
            "fn a() -> bool { 32 == key.expose().len() }",
            "fn a() -> bool { Vault::same(key.expose().as_bytes(), known) }",
            "fn a() { let key = key.expose(); let b = c == d; }",
            "fn a() -> bool { b == c && d(key.expose()) }",
            "#[test] fn a() { assert!(key.expose() == \"known\"); }",
        ] {
            assert!(in_gate(text)?.is_empty(), "{text}");
        }
        Ok(())
    }

    #[test]
    fn equality_of_secret_types_is_found() -> Result<()> {
        for text in [
            "#[derive(Clone, PartialEq)] pub struct Secret(String);",
            "#[derive(PartialEq, Eq)] #[repr(transparent)] pub(crate) struct HashedToken(u8);",
            "impl PartialEq for HashedToken { fn eq(&self, o: &Self) -> bool { self.0 == o.0 } }",
        ] {
            assert_eq!(in_gate(text)?, ["secret-comparison"], "{text}");
        }
        for text in [
            "#[derive(Clone)] pub struct Secret(String); #[derive(PartialEq)] struct Other;",
            "#[derive(PartialEq)] enum Other { A } struct Secret(String);",
            "impl PartialEq for HashedToken { fn eq(&self, o: &Self) -> bool { \
             Vault::same(&self.0, &o.0) } }",
        ] {
            assert!(in_gate(text)?.is_empty(), "{text}");
        }
        Ok(())
    }
}
