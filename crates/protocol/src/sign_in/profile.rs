//! A person's profile, as an ID token, UserInfo (OpenID Connect Core 1.0, 5.3) or somebody's own
//! API tells it. What others say of themselves is shown on our pages: it is cut and cleaned here.

use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_kernel::Error;

const MAX_SUBJECT_LEN: usize = 255;
const MAX_EMAIL_LEN: usize = 254;
const MAX_NAME_CHARS: usize = 200;
const MAX_LOCALE_LEN: usize = 35;
const MAX_EMAILS: usize = 100;

/// The names of the members that a profile's parts are in; a dot leads into a member, where there
/// is none of the whole name. An empty name: the provider does not tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// What never changes and is never given to somebody else: text or a whole number.
    pub subject: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider has verified it: only a literal `true` says so.
    pub email_verified: String,
    /// How the person is called.
    pub name: String,
    /// Their language.
    pub locale: String,
}

impl Default for Fields {
    /// The claims of OpenID Connect (Core 1.0, 5.1).
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            subject: name("sub"),
            email: name("email"),
            email_verified: name("email_verified"),
            name: name("name"),
            locale: name("locale"),
        }
    }
}

/// What a provider says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Whom it is about, among those that the provider knows.
    pub subject: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified it.
    pub email_verified: bool,
    /// How the person is called.
    pub name: Option<String>,
    /// Their language.
    pub locale: Option<String>,
}

impl Profile {
    /// Reads a JSON object by these names. What is odd counts as not told; an error only where it
    /// is no object.
    pub fn read(json: &[u8], fields: &Fields) -> Result<Self, Error> {
        let members: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|_| Error::invalid("The profile is no JSON object."))?;
        let Fields { subject, email, email_verified, name, locale } = fields;
        let text = |name: &str| find(&members, name).and_then(Value::as_str);
        let email = text(email).and_then(address);
        Ok(Self {
            subject: find(&members, subject).and_then(subject_of),
            email_verified: email.is_some()
                && find(&members, email_verified) == Some(&Value::Bool(true)),
            email,
            name: text(name).and_then(cleaned),
            locale: text(locale).filter(|text| is_locale(text)).map(str::to_owned),
        })
    }
}

/// The address that GitHub calls primary in its list of a person's addresses, and whether it is
/// verified. `None` where there is none.
pub fn primary_email(json: &[u8]) -> Option<(String, bool)> {
    #[derive(Deserialize)]
    struct Listed {
        email: String,
        #[serde(default)]
        primary: Value,
        #[serde(default)]
        verified: Value,
    }
    let listed: Vec<Listed> = serde_json::from_slice(json).ok()?;
    let primary = listed.into_iter().take(MAX_EMAILS).find(|it| it.primary == Value::Bool(true))?;
    Some((address(&primary.email)?, primary.verified == Value::Bool(true)))
}

fn find<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = members.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    find(members.get(first)?.as_object()?, rest)
}

fn subject_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        // A fraction could be written in two ways.
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    let is_good =
        !text.is_empty() && text.len() <= MAX_SUBJECT_LEN && !text.chars().any(char::is_control);
    is_good.then_some(text)
}

/// An address with one `@` and nothing that could pass for two addresses or another line.
fn address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>()\"\\".contains(c);
    let is_good = !local.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
        && text.len() <= MAX_EMAIL_LEN
        && !text.contains(is_odd);
    is_good.then(|| text.to_owned())
}

fn cleaned(text: &str) -> Option<String> {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = plain.take(MAX_NAME_CHARS).collect();
    Some(cut.trim().to_owned()).filter(|name| !name.is_empty())
}

fn is_locale(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (2..=MAX_LOCALE_LEN).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(json: &str) -> Profile {
        Profile::read(json.as_bytes(), &Fields::default()).unwrap()
    }

    #[test]
    fn a_profile_is_read_by_the_names_that_it_is_given() {
        let read_as_usual = read(
            r#"{"sub":"s","email":"a@b.example","email_verified":true,"name":"A","locale":"ja"}"#,
        );
        assert_eq!(read_as_usual.subject.as_deref(), Some("s"));
        assert_eq!(read_as_usual.email.as_deref(), Some("a@b.example"));
        assert!(read_as_usual.email_verified);
        assert_eq!(
            (read_as_usual.name.as_deref(), read_as_usual.locale.as_deref()),
            (Some("A"), Some("ja"))
        );
        let fields = Fields {
            subject: "data.id".to_owned(),
            name: "https://c.example/name".to_owned(),
            email_verified: String::new(),
            ..Fields::default()
        };
        let json =
            r#"{"data":{"id":42},"https://c.example/name":"B","email":"a@b.example","":true}"#;
        let other = Profile::read(json.as_bytes(), &fields).unwrap();
        assert_eq!((other.subject.as_deref(), other.name.as_deref()), (Some("42"), Some("B")));
        assert!(Profile::read(b"[]", &fields).is_err());
    }

    #[test]
    fn t42_only_a_literal_true_verifies_an_address() {
        for odd in ["false", "\"true\"", "\"false\"", "1", "null", "[true]", "{}"] {
            let json = format!(r#"{{"email":"a@b.example","email_verified":{odd}}}"#);
            assert!(!read(&json).email_verified, "{odd}");
            let listed = format!(r#"[{{"email":"a@b.example","primary":true,"verified":{odd}}}]"#);
            assert!(!primary_email(listed.as_bytes()).unwrap().1, "{odd}");
        }
        assert!(!read(r#"{"email":"a@b.example"}"#).email_verified);
        assert!(!read(r#"{"email":"nonsense","email_verified":true}"#).email_verified);
    }

    #[test]
    fn the_primary_address_is_chosen_and_no_other() {
        let listed = r#"[{"email":"x@b.example","primary":false,"verified":true},
            {"email":"a@b.example","primary":true,"verified":true,"visibility":null}]"#;
        assert_eq!(primary_email(listed.as_bytes()), Some(("a@b.example".to_owned(), true)));
        assert_eq!(primary_email(br#"[{"email":"x@b.example","verified":true}]"#), None);
        assert_eq!(primary_email(b"{}"), None);
    }

    #[test]
    fn v33_what_a_provider_says_is_cut_and_cleaned() {
        let long = format!(r#"{{"name":"\u0007 {}","locale":"<b>"}}"#, "x".repeat(500));
        let profile = read(&long);
        assert!(profile.name.as_ref().unwrap().chars().count() <= MAX_NAME_CHARS);
        assert!(!profile.name.unwrap().contains('\u{7}'));
        assert_eq!(profile.locale, None);
        for odd in ["a@b@c.example", "a b@c.example", "a@c", "@c.example", "a@c.example\\nb", "a"] {
            assert_eq!(read(&format!(r#"{{"email":"{odd}"}}"#)).email, None, "{odd}");
        }
        for odd in ["\"\"", "1.5", "1e3", "true", "null", "[1]", "\"a\\u0000\""] {
            assert_eq!(read(&format!(r#"{{"sub":{odd}}}"#)).subject, None, "{odd}");
        }
    }
}
