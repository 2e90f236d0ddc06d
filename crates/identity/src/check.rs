//! What people and software may write into an account or a key.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use tollgate_edge::page::{Locale, Words};
use tollgate_kernel::{Error, Kind, Timestamp};

use crate::new_password::Weakness;
use crate::pages::TEXTS;

/// The most characters of a name.
const NAME_MAX: usize = 100;
/// The most characters of an address (RFC 5321, 4.5.3.1).
const EMAIL_MAX: usize = 254;
/// The most networks of a key.
const NETWORKS_MAX: usize = 64;
/// The most models of a key.
pub(crate) const MODELS_MAX: usize = 256;
/// How long the page proposes that a key lasts.
pub(crate) const KEY_LIFE: Duration = Duration::from_secs(90 * DAY_S);
const DAY_S: u64 = 86_400;

/// What is wrong with what was written. Pages say it in three languages, the API in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    Email,
    PasswordShort,
    PasswordLong,
    PasswordSimilar,
    PasswordBreached,
    PasswordWeak(Weakness),
    PasswordWrong,
    Name,
    KeyName,
    Locale,
    ExternalId,
    Networks,
    Models,
    ExpiryPast,
    BaseUrl,
}

impl Mistake {
    /// The member at fault.
    pub(crate) const fn param(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PasswordShort
            | Self::PasswordLong
            | Self::PasswordSimilar
            | Self::PasswordBreached
            | Self::PasswordWeak(_) => "password",
            Self::PasswordWrong => "current_password",
            Self::Name | Self::KeyName => "name",
            Self::Locale => "locale",
            Self::ExternalId => "external_id",
            Self::Networks => "networks",
            Self::Models => "models",
            Self::ExpiryPast => "expires_at",
            Self::BaseUrl => "base_url",
        }
    }

    /// The key of the words on pages.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Email => "wrong-email",
            Self::PasswordShort => "wrong-password-short",
            Self::PasswordLong => "wrong-password-long",
            Self::PasswordSimilar => "wrong-password-similar",
            Self::PasswordBreached => "wrong-password-breached",
            Self::PasswordWeak(_) => "wrong-password-weak",
            Self::PasswordWrong => "wrong-current-password",
            Self::Name => "wrong-name",
            Self::KeyName => "wrong-key-name",
            Self::Locale => "wrong-locale",
            Self::ExternalId => "wrong-external-id",
            Self::Networks => "wrong-networks",
            Self::Models => "wrong-models",
            Self::ExpiryPast => "wrong-expiry-past",
            Self::BaseUrl => "wrong-base-url",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Email => "This is not an e-mail address. Write one like ada@example.com.",
            Self::PasswordShort => {
                "The password is too short. Use at least 15 characters; a few words in a row do."
            }
            Self::PasswordLong => "The password is too long. Use at most 128 characters.",
            Self::PasswordSimilar => {
                "The password is too similar to the account's address or name. Use other words."
            }
            Self::PasswordBreached => {
                "The password is on lists of stolen passwords, which are tried first. Use another."
            }
            Self::PasswordWeak(_) => "The password is too easy to guess.",
            Self::PasswordWrong => "The current password is not right. Try again.",
            Self::Name => "A name has at most 100 characters and no control characters.",
            Self::KeyName => "Give the key a name of 1 to 100 characters.",
            Self::Locale => "A locale is a language tag such as en, ja or zh-Hans.",
            Self::ExternalId => "An external id has 1 to 200 visible characters.",
            Self::Networks => {
                "A network is an address or a range such as 203.0.113.0/24; at most 64 of them."
            }
            Self::Models => "A key names at most 256 models.",
            Self::ExpiryPast => "The key would have ended already. Name a time to come.",
            Self::BaseUrl => {
                "This is not the address of an API. Write one like https://api.openai.com/v1."
            }
        }
    }
    /// What is wrong, and what to do, in the language of `w`.
    pub(crate) fn words(self, w: &Words) -> String {
        self.with_advice(w.get(self.key()), w)
    }

    /// `said`, and what would make a weak password better.
    fn with_advice(self, mut said: String, w: &Words) -> String {
        if let Self::PasswordWeak(weakness) = self {
            for key in weakness.keys() {
                said.push_str(w.between_sentences());
                said.push_str(&w.get(key));
            }
        }
        said
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        let kind = match mistake {
            Mistake::PasswordWrong => Kind::Forbidden,
            _ => Kind::InvalidRequest,
        };
        let english = Words::new(Locale::En, &TEXTS);
        let detail = mistake.with_advice(mistake.detail().to_owned(), &english);
        Self::new(kind, detail).with_param(mistake.param())
    }
}

/// An address as the person wrote it, without blanks around it. Whether mail arrives there is not
/// known.
pub(crate) fn email(text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@').ok_or(Mistake::Email)?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>(),;:\\\"".contains(c);
    let sound = !local.is_empty()
        && !local.contains('@')
        && !domain.is_empty()
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !domain.contains("..")
        && text.len() <= EMAIL_MAX
        && text.chars().all(plain);
    if sound { Ok(text.to_owned()) } else { Err(Mistake::Email) }
}

/// What a person is called; it may be empty.
pub(crate) fn name(text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    if text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Mistake::Name)
}

/// What a key is called.
pub(crate) fn key_name(text: &str) -> Result<String, Mistake> {
    let text = name(text).map_err(|_| Mistake::KeyName)?;
    if text.is_empty() { Err(Mistake::KeyName) } else { Ok(text) }
}

/// A language tag (BCP 47) by its form.
pub(crate) fn locale(text: &str) -> Result<String, Mistake> {
    let sound = (2..=35).contains(&text.len())
        && text.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    if sound { Ok(text.to_owned()) } else { Err(Mistake::Locale) }
}

/// What the owner's other software calls a person.
pub(crate) fn external_id(text: &str) -> Result<String, Mistake> {
    let sound = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if sound { Ok(text.to_owned()) } else { Err(Mistake::ExternalId) }
}

/// Networks in CIDR form. A single address is a network of its own; bits below the prefix are
/// cleared. An empty list is no restriction.
pub(crate) fn networks(list: &[String]) -> Result<Option<Vec<String>>, Mistake> {
    if list.len() > NETWORKS_MAX {
        return Err(Mistake::Networks);
    }
    let read = |text: &String| {
        let text = text.trim();
        let single = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        let network = text.parse::<IpNet>().or_else(|_| single()).map_err(|_| Mistake::Networks)?;
        Ok(network.trunc().to_string())
    };
    let networks = list.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok((!networks.is_empty()).then_some(networks))
}

/// When a key made or changed at `now` ends, if it does by itself.
pub(crate) fn expiry(
    wished: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Mistake> {
    if wished.is_some_and(|ends| ends <= now) { Err(Mistake::ExpiryPast) } else { Ok(wished) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_at() {
        for good in ["ada@example.com", " Ada.L+x@Example.com ", "o@localhost", "ü@exämple.de"] {
            assert_eq!(email(good).unwrap(), good.trim());
        }
        for bad in ["", "ada", "@example.com", "ada@", "a b@c.de", "a@b@c.de", "a@.de", "a@b..de"] {
            assert_eq!(email(bad), Err(Mistake::Email), "{bad}");
        }
    }

    #[test]
    fn networks_are_brought_into_one_form() {
        let of =
            |list: &[&str]| networks(&list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(
            of(&["10.1.2.3/8", " 203.0.113.7 ", "2001:db8::1/32"]).unwrap().unwrap(),
            ["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"]
        );
        for bad in ["", "10.0.0.0/33", "everywhere", "10.0.0"] {
            assert_eq!(of(&[bad]), Err(Mistake::Networks), "{bad}");
        }
    }

    #[test]
    fn keys_end_when_they_are_said_to() {
        let now = Timestamp::from_secs(1_000_000);
        let later = now.plus(Duration::from_secs(3_660 * DAY_S));
        assert_eq!(expiry(None, now), Ok(None));
        assert_eq!(expiry(Some(later), now), Ok(Some(later)));
        assert_eq!(expiry(Some(now), now), Err(Mistake::ExpiryPast));
    }
}
