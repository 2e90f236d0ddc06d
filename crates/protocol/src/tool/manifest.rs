//! The plugin manifest, `/.well-known/ai-plugin.json`, as the protocol of 2023 has it.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_kernel::Error;

use crate::json::to_json;

/// The longest name of a service that verification tokens are for, in characters.
const LONGEST_SERVICE: usize = 64;

/// The longest verification token, in bytes.
const LONGEST_TOKEN: usize = 512;

/// How a token stands in the header `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `Bearer token`.
    Bearer,
    /// `Basic token`.
    Basic,
}

/// In which form the token endpoint is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BodyForm {
    /// JSON.
    #[serde(rename = "application/json")]
    Json,
    /// A form.
    #[serde(rename = "application/x-www-form-urlencoded")]
    Form,
}

/// How callers prove who they are: the member `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestAuth<'a> {
    /// Not at all.
    None,
    /// Each service has a token of its own.
    ServiceHttp {
        /// How it is sent.
        scheme: Scheme,
        /// What each service wants to read here before it believes the token.
        verification_tokens: &'a BTreeMap<String, String>,
    },
    /// Each person has a key of their own.
    UserHttp {
        /// How it is sent.
        scheme: Scheme,
    },
    /// People sign in.
    OAuth {
        /// Where the browser goes.
        authorize_url: &'a str,
        /// Where codes become tokens.
        token_url: &'a str,
        /// What is asked for: names with spaces between them.
        scope: &'a str,
        /// The form of requests to the token endpoint.
        body: BodyForm,
        /// What each service wants to read here before it sends anybody.
        verification_tokens: &'a BTreeMap<String, String>,
    },
}

/// Everything that a manifest says. Its texts were checked by [`check_text`] when they were typed.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a> {
    /// The name for people.
    pub name_for_human: &'a str,
    /// The name for models.
    pub name_for_model: &'a str,
    /// What it is, for people.
    pub description_for_human: &'a str,
    /// What it is and when to use it, for models.
    pub description_for_model: &'a str,
    /// How callers prove who they are.
    pub auth: ManifestAuth<'a>,
    /// Where the OpenAPI document is.
    pub api_url: &'a str,
    /// Where the logo is.
    pub logo_url: &'a str,
    /// Whom to write to.
    pub contact_email: &'a str,
    /// Where the terms are.
    pub legal_info_url: &'a str,
}

impl Manifest<'_> {
    /// The document, with every member that the protocol names and no other.
    pub fn to_json(&self) -> Vec<u8> {
        let knows_people =
            matches!(self.auth, ManifestAuth::UserHttp { .. } | ManifestAuth::OAuth { .. });
        to_json(&Document {
            schema_version: "v1",
            name_for_model: self.name_for_model,
            name_for_human: self.name_for_human,
            description_for_model: self.description_for_model,
            description_for_human: self.description_for_human,
            auth: AuthDocument::of(&self.auth),
            api: Api { kind: "openapi", url: self.api_url, is_user_authenticated: knows_people },
            logo_url: self.logo_url,
            contact_email: self.contact_email,
            legal_info_url: self.legal_info_url,
        })
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: &'a str,
    name_for_model: &'a str,
    name_for_human: &'a str,
    description_for_model: &'a str,
    description_for_human: &'a str,
    auth: AuthDocument<'a>,
    api: Api<'a>,
    logo_url: &'a str,
    contact_email: &'a str,
    legal_info_url: &'a str,
}

#[derive(Serialize)]
struct Api<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    url: &'a str,
    is_user_authenticated: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthDocument<'a> {
    None {
        instructions: &'a str,
    },
    ServiceHttp {
        instructions: &'a str,
        authorization_type: Scheme,
        verification_tokens: &'a BTreeMap<String, String>,
    },
    UserHttp {
        instructions: &'a str,
        authorization_type: Scheme,
    },
    #[serde(rename = "oauth")]
    OAuth {
        instructions: &'a str,
        client_url: &'a str,
        scope: &'a str,
        authorization_url: &'a str,
        authorization_content_type: BodyForm,
        verification_tokens: &'a BTreeMap<String, String>,
    },
}

impl<'a> AuthDocument<'a> {
    fn of(auth: &ManifestAuth<'a>) -> Self {
        // The protocol wants the member; nobody has said what to write there.
        let instructions = "";
        match *auth {
            ManifestAuth::None => Self::None { instructions },
            ManifestAuth::ServiceHttp { scheme, verification_tokens } => {
                Self::ServiceHttp { instructions, authorization_type: scheme, verification_tokens }
            }
            ManifestAuth::UserHttp { scheme } => {
                Self::UserHttp { instructions, authorization_type: scheme }
            }
            ManifestAuth::OAuth { authorize_url, token_url, scope, body, verification_tokens } => {
                Self::OAuth {
                    instructions,
                    client_url: authorize_url,
                    scope,
                    authorization_url: token_url,
                    authorization_content_type: body,
                    verification_tokens,
                }
            }
        }
    }
}

/// A text of a manifest that its owner types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// `name_for_human`: 1 to 20 characters.
    NameForHuman,
    /// `name_for_model`: 1 to 50 letters, digits and underscores.
    NameForModel,
    /// `description_for_human`: 1 to 100 characters.
    DescriptionForHuman,
    /// `description_for_model`: 1 to 8,000 characters.
    DescriptionForModel,
    /// `contact_email`.
    ContactEmail,
    /// `legal_info_url`: an address, or a path of the tool.
    LegalInfoUrl,
    /// `logo_url`: the same, of a picture that is no GIF.
    LogoUrl,
}

impl TextField {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NameForHuman,
        Self::NameForModel,
        Self::DescriptionForHuman,
        Self::DescriptionForModel,
        Self::ContactEmail,
        Self::LegalInfoUrl,
        Self::LogoUrl,
    ];

    /// The member's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NameForHuman => "name_for_human",
            Self::NameForModel => "name_for_model",
            Self::DescriptionForHuman => "description_for_human",
            Self::DescriptionForModel => "description_for_model",
            Self::ContactEmail => "contact_email",
            Self::LegalInfoUrl => "legal_info_url",
            Self::LogoUrl => "logo_url",
        }
    }
}

/// Checks a text that is to stand in a manifest, by the newest limits that any host has. The error
/// names the member; a path of the tool begins with one slash.
pub fn check_text(field: TextField, text: &str) -> Result<(), Error> {
    let wrong = match field {
        TextField::NameForHuman if !is_line(text, 20) => {
            "A name for people has 1 to 20 characters and no line breaks."
        }
        TextField::NameForModel if !is_model_name(text) => {
            "A name for models has 1 to 50 letters, digits and underscores."
        }
        TextField::DescriptionForHuman if !is_line(text, 100) => {
            "A description for people has 1 to 100 characters and no line breaks."
        }
        TextField::DescriptionForModel if !is_text(text, 8_000) => {
            "A description for models has 1 to 8,000 characters."
        }
        TextField::ContactEmail if !is_mail_address(text) => {
            "The contact is one address like help@example.com."
        }
        TextField::LegalInfoUrl if !is_place(text) => PLACE,
        TextField::LogoUrl if !is_place(text) => PLACE,
        TextField::LogoUrl if is_gif(text) => "A logo is a picture that does not move: no GIF.",
        _ => return Ok(()),
    };
    Err(Error::invalid(wrong).with_param(field.name()))
}

const PLACE: &str = "This is an address that begins with https://, or a path of the tool such as \
                     /logo.png, without a user name or a fragment.";

fn is_text(text: &str, most: usize) -> bool {
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    (1..=most).contains(&text.chars().count()) && !text.trim().is_empty() && !text.contains(is_odd)
}

fn is_line(text: &str, most: usize) -> bool {
    is_text(text, most) && !text.contains(['\n', '\t'])
}

fn is_model_name(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_mail_address(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
    text.len() <= 254
        && !name.is_empty()
        && name.bytes().all(of_name)
        && host.split('.').all(label)
        && (host.contains('.') || host == "localhost")
}

/// Whether it is an address on the web or a path of the tool's own.
fn is_place(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&b));
    if !plain || text.len() > 2_000 {
        return false;
    }
    if text.starts_with('/') {
        return !text.starts_with("//") && text.len() > 1 && !text.contains("..");
    }
    let Ok(url) = url::Url::parse(text) else { return false };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let web = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    web && url.username().is_empty() && url.password().is_none()
}

fn is_gif(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    path.len() >= 4 && path.get(path.len() - 4..).is_some_and(|it| it.eq_ignore_ascii_case(".gif"))
}

/// Checks a service's name and the token that it wants to read: letters and digits (hosts and a
/// schema in use allow no other names), and visible ASCII.
pub fn check_service(service: &str, token: &str) -> Result<(), Error> {
    let is_name = (1..=LONGEST_SERVICE).contains(&service.len())
        && service.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_name {
        let what = format!("A service's name has 1 to {LONGEST_SERVICE} letters and digits.");
        return Err(Error::invalid(what).with_param("service"));
    }
    let is_token =
        (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    if !is_token {
        let what =
            format!("A verification token has 1 to {LONGEST_TOKEN} visible ASCII characters.");
        return Err(Error::invalid(what).with_param("token"));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(auth: ManifestAuth<'_>) -> Value {
        let manifest = Manifest {
            name_for_human: "Todo",
            name_for_model: "todo",
            description_for_human: "A list.",
            description_for_model: "Lists \"things\" to do.",
            auth,
            api_url: "https://todo.example/openapi.json",
            logo_url: "https://todo.example/logo.png",
            contact_email: "help@todo.example",
            legal_info_url: "https://todo.example/legal",
        };
        serde_json::from_slice(&manifest.to_json()).unwrap()
    }

    #[test]
    fn a_manifest_has_every_member_and_no_other() {
        let expected = json!({
            "schema_version": "v1",
            "name_for_model": "todo",
            "name_for_human": "Todo",
            "description_for_model": "Lists \"things\" to do.",
            "description_for_human": "A list.",
            "auth": {"type": "none", "instructions": ""},
            "api": {"type": "openapi", "url": "https://todo.example/openapi.json",
                    "is_user_authenticated": false},
            "logo_url": "https://todo.example/logo.png",
            "contact_email": "help@todo.example",
            "legal_info_url": "https://todo.example/legal",
        });
        assert_eq!(written(ManifestAuth::None), expected);
    }

    #[test]
    fn each_mode_has_its_members() {
        let tokens = BTreeMap::from([("openai".to_owned(), "abc123".to_owned())]);
        let verification_tokens = &tokens;
        let scheme = Scheme::Bearer;
        let service = written(ManifestAuth::ServiceHttp { scheme, verification_tokens });
        let expected = json!({"type": "service_http", "instructions": "",
            "authorization_type": "bearer", "verification_tokens": {"openai": "abc123"}});
        assert_eq!(service["auth"], expected);

        let user = written(ManifestAuth::UserHttp { scheme: Scheme::Basic });
        let expected =
            json!({"type": "user_http", "instructions": "", "authorization_type": "basic"});
        assert_eq!(user["auth"], expected);
        assert_eq!(user["api"]["is_user_authenticated"], true);

        let oauth = |body| {
            written(ManifestAuth::OAuth {
                authorize_url: "https://todo.example/authorize",
                token_url: "https://todo.example/token",
                scope: "read write",
                body,
                verification_tokens,
            })
        };
        let expected = json!({"type": "oauth", "instructions": "",
            "client_url": "https://todo.example/authorize", "scope": "read write",
            "authorization_url": "https://todo.example/token",
            "authorization_content_type": "application/json",
            "verification_tokens": {"openai": "abc123"}});
        assert_eq!(oauth(BodyForm::Json)["auth"], expected);
        assert_eq!(
            oauth(BodyForm::Form)["auth"]["authorization_content_type"],
            "application/x-www-form-urlencoded"
        );
    }

    #[test]
    fn texts_are_held_to_the_newest_limits() {
        use TextField::*;
        let long = |n| "x".repeat(n);
        let good = [
            (NameForHuman, "Todo list".to_owned()),
            (NameForHuman, long(20)),
            (NameForModel, long(50)),
            (DescriptionForHuman, long(100)),
            (DescriptionForModel, long(8_000)),
            (DescriptionForModel, "two\nlines".to_owned()),
            (ContactEmail, "a.b+c@mail.example.com".to_owned()),
            (LegalInfoUrl, "https://example.com/legal?x=1".to_owned()),
            (LegalInfoUrl, "http://todo.localhost:8080/legal".to_owned()),
            (LogoUrl, "/logo.png".to_owned()),
        ];
        for (field, text) in good {
            assert!(check_text(field, &text).is_ok(), "{field:?} {text}");
        }
        let bad = [
            (NameForHuman, long(21)),
            (NameForHuman, " ".to_owned()),
            (NameForHuman, "two\nlines".to_owned()),
            (NameForModel, long(51)),
            (NameForModel, "to do".to_owned()),
            (NameForModel, "やること".to_owned()),
            (DescriptionForHuman, long(101)),
            (DescriptionForModel, long(8_001)),
            (DescriptionForModel, "\u{0}".to_owned()),
            (ContactEmail, "a@b@c.example".to_owned()),
            (ContactEmail, "example.com".to_owned()),
            (ContactEmail, "a@b".to_owned()),
            (LegalInfoUrl, "help@example.com".to_owned()),
            (LegalInfoUrl, "http://example.com/".to_owned()),
            (LegalInfoUrl, "javascript:alert(1)".to_owned()),
            (LegalInfoUrl, "https://u:p@example.com/".to_owned()),
            (LegalInfoUrl, "//example.com/".to_owned()),
            (LogoUrl, "data:image/png;base64,AA".to_owned()),
            (LogoUrl, "https://example.com/logo.GIF?x".to_owned()),
            (LogoUrl, "/../logo.png".to_owned()),
        ];
        for (field, text) in bad {
            let error = check_text(field, &text).unwrap_err();
            assert_eq!(error.param(), Some(field.name()), "{text}");
        }
        assert!(TextField::ALL.iter().all(|field| check_text(*field, "").is_err()));
    }

    #[test]
    fn services_have_plain_names() {
        assert!(check_service("openai", &"a".repeat(32)).is_ok());
        for (service, token, param) in [
            ("", "a", "service"),
            ("open-ai", "a", "service"),
            ("openai", "", "token"),
            ("openai", "a b", "token"),
        ] {
            assert_eq!(check_service(service, token).unwrap_err().param(), Some(param));
        }
    }
}
