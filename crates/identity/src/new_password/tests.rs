use super::*;

const OWN: Own<'_> = Own { email: "ada.lovelace@example.com", name: "Augusta King" };

async fn mistake(text: &str) -> Option<Mistake> {
    mistake_in(&PlainToken::new(text.to_owned()), OWN).await.ok().flatten()
}

#[tokio::test]
async fn passwords_have_15_to_128_characters_of_any_kind() {
    let strange = |n: usize| "öß漢 𝔘+".chars().cycle().take(n).collect::<String>();
    assert_eq!(mistake(&strange(14)).await, Some(Mistake::PasswordShort));
    assert_eq!(mistake(&strange(129)).await, Some(Mistake::PasswordLong));
    let long = "Each of 27 weavers counts threads; none of them agrees with any other. So a guild \
                writes down what a thread is, & a year passes.";
    assert_eq!(long.chars().count(), 128);
    for good in [
        "four words about weaving",
        "    - vier  Wörter -   ",
        "縦糸と横糸で布を織り上げる職人",
        long,
    ] {
        assert_eq!(mistake(good).await, None, "{good}");
    }
}

#[tokio::test]
async fn passwords_made_of_what_the_account_is_called_are_refused() {
    for bad in [
        "Ada.Lovelace@example.com",
        "adalovelace2026",
        "example!Lovelace1",
        "augusta-king-1815",
        "KING AUGUSTA KING",
    ] {
        assert_eq!(mistake(bad).await, Some(Mistake::PasswordSimilar), "{bad}");
    }
    for good in ["ada counts to a hundred twice", "the king prefers rhubarb"] {
        assert_eq!(mistake(good).await, None, "{good}");
    }
}

#[tokio::test]
async fn stolen_passwords_are_refused_however_short_or_stretched() {
    for bad in ["password", "Password", "iloveyou", "passwordpassword", "!password123456"] {
        assert_eq!(mistake(bad).await, Some(Mistake::PasswordBreached), "{bad}");
    }
}

#[tokio::test]
async fn what_is_easy_to_guess_is_refused_with_advice() {
    for (bad, why) in [
        ("bcdefghijklmnopq", "weak-sequence"),
        ("aaaaaaaaaaaaaaaaaaaa", "weak-repeated-character"),
        ("xyqxyqxyqxyqxyqxyq", "weak-repeated-part"),
        ("zxcvbnm,./asdfghjkl;'", "weak-row-of-keys"),
    ] {
        let Some(Mistake::PasswordWeak(weakness)) = mistake(bad).await else {
            unreachable!("{bad} passed")
        };
        let keys: Vec<_> = weakness.keys().collect();
        assert_eq!(keys.first(), Some(&why), "{bad}: {keys:?}");
        assert!(keys.len() > 1, "{bad}: {keys:?}");
    }
}

#[tokio::test]
async fn strange_text_is_estimated_like_any_other() {
    for text in ["\u{0}".repeat(20), "\u{202e}\u{0301}\u{200d}".repeat(9), "1/1/1".repeat(20)] {
        assert!(Strength::of(&PlainToken::new(text), OWN).await.is_ok());
    }
}
