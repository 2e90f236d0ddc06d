//! What a token is to the demo model, and the words that it answers with.

use std::sync::Arc;

/// How many tokens `text` has. A token is a word with the white space after it; a word is whatever
/// has no white space inside. So a text never has more tokens than bytes.
pub fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// An answer, cut into tokens; it starts over when it is used up.
#[derive(Clone)]
pub(super) struct Words(Arc<[Box<str>]>);

impl Words {
    /// The tokens of `text`, which must have one.
    pub(super) fn of(text: &str) -> Self {
        Self::pieces(text.split_whitespace().map(|word| format!("{word} ")))
    }

    /// These pieces, each of them a token.
    pub(super) fn pieces(pieces: impl Iterator<Item = String>) -> Self {
        Self(pieces.map(String::into_boxed_str).collect())
    }

    /// What people are answered whose message had so many tokens.
    pub(super) fn for_people(prompt_tokens: u64) -> Self {
        Self::of(&format!(
            "Hello! This is the demo model that is built into Tollgate. It is a small program, not \
             a real model: it answers everything with these words and counts them honestly. Your \
             messages came to {prompt_tokens} tokens. For real answers, give Tollgate a real \
             upstream."
        ))
    }

    /// The token at `at`.
    pub(super) fn piece(&self, at: u64) -> &str {
        let at = usize::try_from(at).unwrap_or(0).checked_rem(self.0.len()).unwrap_or(0);
        self.0.get(at).map_or("", |piece| piece)
    }

    /// How many tokens there are before it starts over.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The first `count` tokens in one text.
    pub(super) fn text(&self, count: u64) -> String {
        (0..count).map(|at| self.piece(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_as_many_tokens_as_were_asked_for() {
        let words = Words::for_people(7);
        for count in [1, 2, words.len(), words.len() + 1, 1_000] {
            assert_eq!(tokens(&words.text(count)), count);
        }
        assert!(words.text(words.len()).contains("demo model"));
    }

    #[test]
    fn a_text_has_at_most_as_many_tokens_as_bytes() {
        for text in ["", " ", "a", "a b", "a  b\nc", "…", "x, y!"] {
            assert!(tokens(text) <= text.len() as u64, "{text:?}");
        }
        assert_eq!(tokens("one, two  three!"), 3);
    }
}
