//! The requests of the OAuth flow of 2023, to the letter.
//!
//! Published servers take the query apart at `&` and at one `=`, and decode no more than `%2F` and
//! `%3A`: what we choose is made of characters that need no escape.

use serde::Serialize;
use tollgate_kernel::{PlainToken, Secret};
use url::Url;

use super::auth::BodyForm;

/// What a browser carries to `client_url`.
pub struct AuthorizeRequest<'a> {
    /// Who we are there.
    pub client_id: &'a str,
    /// What is asked for, as the manifest or the owner wrote it.
    pub scope: &'a str,
    /// Comes back. Unreserved characters alone (RFC 3986, 2.3).
    pub state: &'a PlainToken,
    /// Where the browser comes back to.
    pub redirect_uri: &'a str,
    /// The challenge of PKCE (RFC 7636, 4.2).
    pub challenge: Option<&'a str>,
}

/// Parameters that are ours to set.
const OURS: [&str; 7] = [
    "response_type",
    "client_id",
    "scope",
    "state",
    "redirect_uri",
    "code_challenge",
    "code_challenge_method",
];

/// Whether `client_url` holds a parameter that is ours to set.
pub(super) fn asks_for_ours(client_url: &str) -> bool {
    Url::parse(client_url).is_ok_and(|url| {
        url.query_pairs().any(|(name, _)| OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)))
    })
}

impl AuthorizeRequest<'_> {
    /// The address at `client_url`, which stays as it was written.
    pub fn at(&self, client_url: &str) -> String {
        let between = match client_url.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let mut out = format!(
            "{client_url}{between}response_type=code&client_id={}&scope={}&state={}\
             &redirect_uri={}",
            escaped(self.client_id, |_| false),
            escaped(self.scope, may_stand_in_scope),
            escaped(self.state.expose(), |_| false),
            escaped(self.redirect_uri, |_| false),
        );
        if let Some(challenge) = self.challenge {
            out.push_str("&code_challenge=");
            out.push_str(&escaped(challenge, |_| false));
            out.push_str("&code_challenge_method=S256");
        }
        out
    }
}

/// What of a scope stays: escapes too, so that nothing is escaped twice.
fn may_stand_in_scope(byte: u8) -> bool {
    matches!(
        byte,
        b'%' | b'+' | b',' | b':' | b'/' | b'@' | b'!' | b'$' | b'*' | b';' | b'(' | b')'
    )
}

/// `text` with upper-case escapes for everything but unreserved characters and what `stays`.
fn escaped(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if unreserved || stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What is asked of the token endpoint.
pub enum TokenRequest<'a> {
    /// Tokens for a code.
    Code {
        /// The code.
        code: &'a PlainToken,
        /// The same as in the authorization request.
        redirect_uri: &'a str,
        /// The verifier of PKCE (RFC 7636, 4.5).
        verifier: Option<&'a PlainToken>,
    },
    /// Tokens for a refresh token.
    Refresh {
        /// The refresh token.
        token: &'a Secret,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    grant_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl TokenRequest<'_> {
    /// The body, with id and secret where they stand there.
    pub fn body(&self, form: BodyForm, client: Option<(&str, &Secret)>) -> Vec<u8> {
        let (client_id, client_secret) = match client {
            Some((id, secret)) => (Some(id), Some(secret.expose())),
            None => (None, None),
        };
        let body = match self {
            Self::Code { code, redirect_uri, verifier } => Body {
                grant_type: "authorization_code",
                client_id,
                client_secret,
                code: Some(code.expose()),
                redirect_uri: Some(redirect_uri),
                code_verifier: verifier.map(PlainToken::expose),
                refresh_token: None,
            },
            Self::Refresh { token } => Body {
                grant_type: "refresh_token",
                client_id,
                client_secret,
                code: None,
                redirect_uri: None,
                code_verifier: None,
                refresh_token: Some(token.expose()),
            },
        };
        match form {
            BodyForm::Json => crate::json::to_json(&body),
            BodyForm::Form => body.form().into_bytes(),
        }
    }
}

impl Body<'_> {
    fn form(&self) -> String {
        let pairs = [
            ("grant_type", Some(self.grant_type)),
            ("client_id", self.client_id),
            ("client_secret", self.client_secret),
            ("code", self.code),
            ("redirect_uri", self.redirect_uri),
            ("code_verifier", self.code_verifier),
            ("refresh_token", self.refresh_token),
        ];
        let filled = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let pair = |(name, value): (&str, &str)| format!("{name}={}", escaped(value, |_| false));
        filled.map(pair).collect::<Vec<_>>().join("&")
    }
}
