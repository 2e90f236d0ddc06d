//! The member `auth` of a manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::flow::asks_for_ours;
use super::manifest::Source;
use super::{Refusal, Warning, plain};
use crate::headers::carries_secrets;

/// How calls of a tool are authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Auth {
    /// Not at all.
    None,
    /// By one token for all users, given to the host's owner.
    ServiceHttp {
        /// How it is sent.
        scheme: Scheme,
    },
    /// By a token that each user has.
    UserHttp {
        /// How it is sent.
        scheme: Scheme,
    },
    /// By OAuth.
    #[serde(rename = "oauth")]
    OAuth(OAuth),
}

impl Auth {
    /// The name of the mode.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ServiceHttp { .. } => "service_http",
            Self::UserHttp { .. } => "user_http",
            Self::OAuth(_) => "oauth",
        }
    }

    /// Whether a verification token shows that who has the secret has the domain too.
    pub const fn is_verified(&self) -> bool {
        matches!(self, Self::ServiceHttp { .. } | Self::OAuth(_))
    }
}

/// How a token is sent with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `Authorization: Bearer TOKEN`.
    Bearer,
    /// `Authorization: Basic TOKEN`.
    Basic,
    /// The token alone, in a header with this name in lower case.
    Header(String),
}

/// What a manifest says of OAuth. Addresses stand as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth {
    /// Where browsers are sent; none where the manifest's cannot be used.
    pub client_url: Option<String>,
    /// The token endpoint, whatever its name says; none where it cannot be used.
    pub authorization_url: Option<String>,
    /// Another reading of where the token endpoint is.
    pub token_url: Option<String>,
    /// Whether the owner has to say which address is which.
    pub is_ambiguous: bool,
    /// What is asked for, byte for byte.
    pub scope: String,
    /// What the body of a token request is.
    pub body: BodyForm,
    /// Whether id and secret stand in the header of a token request, and not in its body.
    pub basic: bool,
}

/// What the body of a token request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyForm {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// The longest address or scope, in bytes.
const LONGEST: usize = 2_048;

/// More scopes than this are worth a look.
const MANY_SCOPES: usize = 20;

/// Reads `auth`; the second part is what it publishes for hosts, by name.
pub(super) fn read(
    auth: Option<&Value>,
    source: &Source<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(Auth, BTreeMap<String, String>), Refusal> {
    let missing =
        || Refusal::new("auth_missing", "The manifest does not say how calls are signed.");
    let auth = auth.and_then(Value::as_object).ok_or_else(missing)?;
    let kind = auth.get("type").and_then(Value::as_str).ok_or_else(missing)?;
    if auth.get("instructions").is_none() {
        let what = "The manifest has no auth.instructions.";
        warnings.push(Warning::new("auth_instructions_missing", what));
    }
    if auth.get("redirect_uri").is_some() {
        let what = "The manifest names a redirect URI. Ours counts.";
        warnings.push(Warning::new("auth_redirect_uri", what));
    }
    let read = match kind {
        "none" => {
            let extra = ["verification_tokens", "authorization_type", "permissions"];
            if extra.iter().any(|name| auth.contains_key(*name)) {
                let what = "The manifest says more of auth than that there is none.";
                warnings.push(Warning::new("auth_none_extra", what));
            }
            return Ok((Auth::None, BTreeMap::new()));
        }
        "service_http" => Auth::ServiceHttp { scheme: scheme(auth, warnings)? },
        "user_http" => Auth::UserHttp { scheme: scheme(auth, warnings)? },
        "oauth" => Auth::OAuth(oauth(auth, source, warnings)?),
        other => {
            let what = format!("There is no auth type `{}`.", plain(other, 32));
            return Err(Refusal::new("auth_unknown", what));
        }
    };
    Ok((read, tokens(auth, warnings)))
}

fn scheme(auth: &Map<String, Value>, warnings: &mut Vec<Warning>) -> Result<Scheme, Refusal> {
    let Some(kind) = auth.get("authorization_type") else {
        let what = "The manifest does not say how the token is sent; Bearer is assumed.";
        warnings.push(Warning::new("auth_authorization_type_missing", what));
        return Ok(Scheme::Bearer);
    };
    match kind.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("bearer") => Ok(Scheme::Bearer),
        Some("basic") => Ok(Scheme::Basic),
        Some("custom_header") => custom_header(auth, warnings),
        _ => {
            let what = "The manifest names an unknown authorization_type.";
            Err(Refusal::new("auth_unknown", what))
        }
    }
}

fn custom_header(
    auth: &Map<String, Value>,
    warnings: &mut Vec<Warning>,
) -> Result<Scheme, Refusal> {
    let name = auth.get("custom_auth_header").and_then(Value::as_str).unwrap_or_default();
    let name = name.trim().to_ascii_lowercase();
    if !carries_secrets(&name) {
        let what = "The manifest wants the token in a header that it must not stand in.";
        return Err(Refusal::new("auth_custom_header", what));
    }
    let what = format!("The token is sent in the header {name}.");
    warnings.push(Warning::new("auth_custom_header", what));
    Ok(Scheme::Header(name))
}

fn tokens(auth: &Map<String, Value>, warnings: &mut Vec<Warning>) -> BTreeMap<String, String> {
    let all = auth.get("verification_tokens").and_then(Value::as_object);
    let mut tokens = BTreeMap::new();
    for (service, token) in all.into_iter().flatten() {
        let text = token.as_str().unwrap_or_default();
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !(8..=512).contains(&text.len()) || !text.bytes().all(is_plain) {
            let what = format!("The verification token of {} is none.", plain(service, 32));
            warnings.push(Warning::new("auth_token_placeholder", what));
        }
        if service.len() <= 64 && text.len() <= 512 {
            tokens.insert(service.clone(), text.to_owned());
        }
    }
    tokens
}

fn oauth(
    auth: &Map<String, Value>,
    source: &Source<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<OAuth, Refusal> {
    let mut url = |name: &str| address(auth.get(name), name, source, warnings);
    let client_url = url("client_url");
    let authorization_url = url("authorization_url");
    let token_url = url("token_url");
    if client_url.as_ref().is_some_and(|url| asks_for_ours(url)) {
        let what = "client_url holds parameters that are the host's to set.";
        return Err(Refusal::new("client_url_parameters", what));
    }
    let ends = |url: &Option<String>, with: &[&str]| {
        let path = url.as_ref().and_then(|url| Url::parse(url).ok());
        let path = path.map(|url| url.path().trim_end_matches('/').to_owned());
        path.is_some_and(|path| with.iter().any(|end| path.ends_with(end)))
    };
    let is_ambiguous = token_url.is_some()
        || ends(&authorization_url, &["/authorize", "/login"])
        || ends(&client_url, &["/register"]);
    if is_ambiguous {
        let what = "Which address is the sign-in page and which the token endpoint is not clear.";
        warnings.push(Warning::new("auth_misnamed_token_url", what));
    }
    if authorization_url.as_ref().is_some_and(|url| url.ends_with('/')) {
        let what = "The token endpoint ends with a slash; it is used as it is written.";
        warnings.push(Warning::new("auth_url_trailing_slash", what));
    }
    Ok(OAuth {
        client_url,
        authorization_url,
        token_url,
        is_ambiguous,
        scope: scope(auth, warnings),
        body: body(auth, warnings),
        basic: auth.get("token_exchange_method").and_then(Value::as_str)
            == Some("basic_auth_header"),
    })
}

/// An address of OAuth, as it was written; none where it cannot be used.
fn address(
    value: Option<&Value>,
    name: &str,
    source: &Source<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<String> {
    let text = value?.as_str().map(str::trim).unwrap_or_default();
    let plain = text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let url = Url::parse(text).ok().filter(|url| plain && source.admits(url));
    let Some(url) = url.filter(|url| url.fragment().is_none()) else {
        let what = format!("The manifest's {name} cannot be used: it has to be https.");
        warnings.push(Warning::new("auth_url_unusable", what));
        return None;
    };
    let host = url.host_str().unwrap_or_default();
    if !source.root.is_site_of(&url) {
        let what = format!("The manifest's {name} leads to another domain: {host}.");
        warnings.push(Warning::about("auth_oauth_other_domain", what, host));
    }
    Some(text.to_owned())
}

fn scope(auth: &Map<String, Value>, warnings: &mut Vec<Warning>) -> String {
    let scope = auth.get("scope").and_then(Value::as_str).unwrap_or_default();
    let scope: String = scope.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let many = scope.split([' ', ',', '+']).filter(|one| !one.is_empty()).count() > MANY_SCOPES;
    for (code, is_so, what) in [
        ("auth_scope_empty", scope.is_empty(), "The scope is empty, and sent so."),
        ("auth_scope_comma", scope.contains(','), "The scope has commas, and is sent so."),
        ("auth_scope_encoded", scope.contains('%'), "The scope is escaped, and is sent so."),
        ("auth_scope_plus", scope.contains('+'), "A `+` of the scope is read as a space."),
        ("auth_scope_long", many, "The tool asks for many scopes."),
    ] {
        if is_so {
            warnings.push(Warning::new(code, what));
        }
    }
    scope
}

fn body(auth: &Map<String, Value>, warnings: &mut Vec<Warning>) -> BodyForm {
    let said = auth.get("authorization_content_type").and_then(Value::as_str).unwrap_or_default();
    match said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => BodyForm::Form,
        "application/json" => BodyForm::Json,
        _ => {
            let what = "The content type of token requests is unknown; JSON is assumed.";
            warnings.push(Warning::new("auth_content_type", what));
            BodyForm::Json
        }
    }
}
