//! How hard a password is to guess, by zxcvbn's estimate, and what would make it harder.

use tollgate_kernel::{Error, PlainToken};
use zxcvbn::feedback::{Feedback, Suggestion, Warning};
use zxcvbn::zxcvbn;

use super::Own;
use crate::check::Mistake;

/// The least score of a password that will do, of 0 to 4: 10⁸ guesses and more.
const SCORE_MIN: u8 = 3;

/// How many characters of a password are estimated: what is longer is no easier to guess. The time
/// grows with the cube of them, to more than a second for a hundred that somebody chose for that;
/// it is some twenty milliseconds at most for these.
const ESTIMATED_CHARS: usize = 32;

/// The most suggestions that are kept.
const SUGGESTIONS_MAX: usize = 4;

/// What was found about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strength {
    /// 0 (guessed at once) to 4.
    pub(crate) score: u8,
    weakness: Weakness,
}

/// Why a password is easy to guess, and what would be better: keys of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weakness {
    why: Option<&'static str>,
    instead: [Option<&'static str>; SUGGESTIONS_MAX],
}

impl Strength {
    /// Estimates how hard `password` is to guess for who knows what its account is called. On a
    /// thread of its own: it takes milliseconds, and a panic in it is an error, not the server's
    /// end.
    pub(crate) async fn of(password: &PlainToken, own: Own<'_>) -> Result<Self, Error> {
        let password = password.clone();
        let mut known = own.parts();
        known.push(own.email.to_lowercase());
        let estimate = move || {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let text = password.expose();
            let end = text.char_indices().nth(ESTIMATED_CHARS).map_or(text.len(), |(at, _)| at);
            let found = zxcvbn(text.get(..end).unwrap_or(text), &known);
            let weakness = found.feedback().map(Weakness::of).unwrap_or_default();
            Self { score: found.score().into(), weakness }
        };
        tokio::task::spawn_blocking(estimate).await.map_err(Error::internal)
    }

    /// What is wrong with a password of this strength, if anything is.
    pub(crate) fn mistake(self) -> Option<Mistake> {
        (self.score < SCORE_MIN).then_some(Mistake::PasswordWeak(self.weakness))
    }
}

impl Weakness {
    fn of(feedback: &Feedback) -> Self {
        let mut instead = [None; SUGGESTIONS_MAX];
        for (place, suggestion) in instead.iter_mut().zip(feedback.suggestions()) {
            *place = Some(suggestion_key(*suggestion));
        }
        Self { why: feedback.warning().map(warning_key), instead }
    }

    /// The keys of its texts in the order in which they are said.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        self.why.into_iter().chain(self.instead.into_iter().flatten())
    }
}

fn warning_key(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => "weak-row-of-keys",
        Warning::ShortKeyboardPatternsAreEasyToGuess => "weak-keyboard-pattern",
        Warning::RepeatsLikeAaaAreEasyToGuess => "weak-repeated-character",
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => "weak-repeated-part",
        Warning::ThisIsATop10Password => "weak-top-ten",
        Warning::ThisIsATop100Password => "weak-top-hundred",
        Warning::ThisIsACommonPassword => "weak-common",
        Warning::ThisIsSimilarToACommonlyUsedPassword => "weak-like-common",
        Warning::SequencesLikeAbcAreEasyToGuess => "weak-sequence",
        Warning::RecentYearsAreEasyToGuess => "weak-year",
        Warning::AWordByItselfIsEasyToGuess => "weak-one-word",
        Warning::DatesAreOftenEasyToGuess => "weak-date",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess => "weak-name",
        Warning::CommonNamesAndSurnamesAreEasyToGuess => "weak-common-name",
    }
}

fn suggestion_key(suggestion: Suggestion) -> &'static str {
    match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => "better-few-words",
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => "better-no-signs-needed",
        Suggestion::AddAnotherWordOrTwo => "better-more-words",
        Suggestion::CapitalizationDoesntHelpVeryMuch => "better-not-by-capital",
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => "better-not-by-capitals",
        Suggestion::ReversedWordsArentMuchHarderToGuess => "better-not-reversed",
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => "better-not-by-substitution",
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => "better-longer-pattern",
        Suggestion::AvoidRepeatedWordsAndCharacters => "better-no-repeats",
        Suggestion::AvoidSequences => "better-no-sequences",
        Suggestion::AvoidRecentYears => "better-no-years",
        Suggestion::AvoidYearsThatAreAssociatedWithYou => "better-no-own-years",
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => "better-no-own-dates",
    }
}

#[cfg(test)]
mod tests {
    use tollgate_edge::page::{Locale, Words};

    use super::*;
    use crate::pages::TEXTS;

    #[test]
    fn every_reason_and_every_advice_has_words_in_three_languages() {
        use Suggestion as S;
        use Warning as W;
        let warnings = [
            W::StraightRowsOfKeysAreEasyToGuess,
            W::ShortKeyboardPatternsAreEasyToGuess,
            W::RepeatsLikeAaaAreEasyToGuess,
            W::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
            W::ThisIsATop10Password,
            W::ThisIsATop100Password,
            W::ThisIsACommonPassword,
            W::ThisIsSimilarToACommonlyUsedPassword,
            W::SequencesLikeAbcAreEasyToGuess,
            W::RecentYearsAreEasyToGuess,
            W::AWordByItselfIsEasyToGuess,
            W::DatesAreOftenEasyToGuess,
            W::NamesAndSurnamesByThemselvesAreEasyToGuess,
            W::CommonNamesAndSurnamesAreEasyToGuess,
        ];
        let suggestions = [
            S::UseAFewWordsAvoidCommonPhrases,
            S::NoNeedForSymbolsDigitsOrUppercaseLetters,
            S::AddAnotherWordOrTwo,
            S::CapitalizationDoesntHelpVeryMuch,
            S::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase,
            S::ReversedWordsArentMuchHarderToGuess,
            S::PredictableSubstitutionsDontHelpVeryMuch,
            S::UseALongerKeyboardPatternWithMoreTurns,
            S::AvoidRepeatedWordsAndCharacters,
            S::AvoidSequences,
            S::AvoidRecentYears,
            S::AvoidYearsThatAreAssociatedWithYou,
            S::AvoidDatesAndYearsThatAreAssociatedWithYou,
        ];
        let keys = warnings.map(warning_key).into_iter().chain(suggestions.map(suggestion_key));
        let scores = (0..=4).map(|score| format!("strength-{score}"));
        for key in keys.map(str::to_owned).chain(scores) {
            let said = Locale::ALL.map(|locale| Words::new(locale, &TEXTS).get(&key));
            assert!(said.iter().all(|text| *text != format!("[{key}]")), "{key}");
            let [en, ja, zh] = said;
            assert!(en != ja && ja != zh && en != zh, "{key} is not translated");
        }
    }
}
