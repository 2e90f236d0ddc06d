//! Languages, and texts in them.

use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, StaticLoader, langid};

/// The texts of one crate in all languages, made by `fluent_templates::static_loader!`.
pub type Texts = LazyLock<StaticLoader>;

/// What a text can be filled with: a string or a number.
pub type Value<'a> = FluentValue<'a>;

fluent_templates::static_loader! {
    static SHELL = {
        locales: "./locales",
        fallback_language: "en",
        // Marks around what is filled in would end up in addresses and commands that are copied.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// The shell's own texts in `locale`.
pub(crate) fn shell_words(locale: Locale) -> Words {
    Words::new(locale, &SHELL)
}

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
    /// Chinese in simplified characters.
    ZhHans,
}

impl Locale {
    /// All languages, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::En, Self::Ja, Self::ZhHans];

    /// The BCP 47 tag, as cookies and pages have it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
            Self::ZhHans => "zh-Hans",
        }
    }

    /// The language's name in itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ja => "日本語",
            Self::ZhHans => "简体中文",
        }
    }

    /// Reads a tag that we wrote.
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }

    /// The best language for an `Accept-Language` header (RFC 9110, 12.5.4); English if it names
    /// none of ours.
    pub fn negotiate(header: &str) -> Self {
        let mut best = (0_u16, Self::default());
        for range in header.split(',').take(32) {
            let mut parts = range.split(';').map(str::trim);
            let locale = parts.next().and_then(Self::for_range);
            let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(1_000, thousandths);
            if let Some(locale) = locale
                && quality > best.0
            {
                best = (quality, locale);
            }
        }
        best.1
    }

    pub(crate) fn for_range(range: &str) -> Option<Self> {
        let tag: LanguageIdentifier = range.parse().ok()?;
        let script = tag.script.map(|s| s.as_str().to_owned());
        let region = tag.region.map(|r| r.as_str().to_owned());
        match (tag.language.as_str(), script.as_deref(), region.as_deref()) {
            ("en", ..) => Some(Self::En),
            ("ja", ..) => Some(Self::Ja),
            ("zh", Some("Hans"), _) | ("zh", None, None | Some("CN" | "SG" | "MY")) => {
                Some(Self::ZhHans)
            }
            _ => None,
        }
    }

    fn id(self) -> LanguageIdentifier {
        match self {
            Self::En => langid!("en"),
            Self::Ja => langid!("ja"),
            Self::ZhHans => langid!("zh-Hans"),
        }
    }
}

/// A quality such as `0.85` in thousandths; what cannot be read counts as nothing.
fn thousandths(text: &str) -> u16 {
    text.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).map_or(0, |q| {
        // In range by the filter; the cast cannot cut anything off.
        (q * 1_000.0) as u16
    })
}

/// The texts of one crate in one language, as templates use them.
#[derive(Clone, Copy)]
pub struct Words {
    locale: Locale,
    texts: &'static Texts,
}

impl Words {
    /// The texts of `texts` in `locale`.
    pub const fn new(locale: Locale, texts: &'static Texts) -> Self {
        Self { locale, texts }
    }

    /// The language.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// The text called `key`. One that is missing shows its key, so that it is noticed.
    pub fn get(&self, key: &str) -> String {
        self.find(key, None)
    }

    /// What stands between two sentences: nothing where full stops are wide.
    pub fn between_sentences(&self) -> &'static str {
        if self.locale == Locale::En { " " } else { "" }
    }

    /// The text called `key` with its places filled in.
    pub fn with(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        let values: HashMap<&str, Value<'_>> = values.iter().cloned().collect();
        self.find(key, Some(&values))
    }

    fn find(&self, key: &str, values: Option<&HashMap<&str, Value<'_>>>) -> String {
        let look = |locale: Locale| {
            self.texts.lookup_single_language::<&str>(&locale.id(), key, values).ok()
        };
        look(self.locale).or_else(|| look(Locale::En)).unwrap_or_else(|| format!("[{key}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_is_found() {
        let cases = [
            ("", Locale::En),
            ("ja", Locale::Ja),
            ("ja-JP,en;q=0.5", Locale::Ja),
            ("de,zh-CN;q=0.8,en;q=0.5", Locale::ZhHans),
            ("zh-Hans-SG", Locale::ZhHans),
            ("zh-TW,zh;q=0.9,en;q=0.8", Locale::ZhHans),
            ("zh-TW,en", Locale::En),
            ("ja;q=0, en;q=0.1", Locale::En),
            ("en;q=0.1, ja;q=0.2", Locale::Ja),
            ("ja;q=7, \u{7f}, ;;;, *", Locale::En),
        ];
        for (header, locale) in cases {
            assert_eq!(Locale::negotiate(header), locale, "{header}");
        }
    }

    #[test]
    fn texts_are_filled_in_and_missing_ones_are_noticed() {
        let words = shell_words(Locale::En);
        assert_eq!(words.get("skip-to-content"), "Skip to the content");
        assert_eq!(words.get("no-such-key"), "[no-such-key]");
        assert_eq!(words.with("bar-left", &[("left", Value::from("$1.50"))]), "$1.50 left");
        assert_ne!(shell_words(Locale::Ja).get("sign-in"), words.get("sign-in"));
    }
}
