//! Authorization requests (RFC 6749, 4.1.1; OpenID Connect Core, 3.1.2.1).

use tollgate_kernel::{Error, OAuthCode};

use super::params::invalid;
use super::{Challenge, Params};

/// The longest `state` and `nonce`, in bytes.
const LONGEST: usize = 2_000;

/// Who asks and where the answer goes. What is wrong with these is told to the person, on a page:
/// nothing says yet that the redirect URI belongs to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The app.
    pub client_id: String,
    /// Where the answer goes, if the request says.
    pub redirect_uri: Option<String>,
    /// What the answer has to repeat.
    pub state: Option<String>,
    /// Whether the answer comes as a form (OAuth 2.0 Form Post Response Mode) and not in the
    /// address.
    pub by_form: bool,
}

impl Addressed {
    /// Reads `client_id`, `redirect_uri` and `state`.
    pub fn parse(params: &Params) -> Result<Self, Error> {
        let text = |name| params.text(name).map(str::to_owned);
        let state = text("state");
        if state.as_ref().is_some_and(|state| state.len() > LONGEST) {
            return Err(invalid("state is too long.").with_param("state"));
        }
        let client_id = params.needed("client_id")?.to_owned();
        let by_form = params.text("response_mode") == Some("form_post");
        Ok(Self { client_id, redirect_uri: text("redirect_uri"), state, by_form })
    }
}

/// What a person is to be asked, whatever they said before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Nothing: an error where something would have to be.
    pub none: bool,
    /// To sign in again.
    pub login: bool,
    /// To consent again.
    pub consent: bool,
}

/// What is asked for. What is wrong with it is told to the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The proof that the app keeps.
    pub challenge: Option<Challenge>,
    /// The scopes, separated by spaces.
    pub scope: Option<String>,
    /// For whom the token is to be (RFC 8707).
    pub resource: Option<String>,
    /// What the ID token has to repeat.
    pub nonce: Option<String>,
    /// What the person is to be asked.
    pub prompt: Prompt,
    /// How old the sign-in may be, in seconds.
    pub max_age_s: Option<i64>,
    /// Who is meant: what they would type to sign in.
    pub login_hint: Option<String>,
    /// Who is meant: an ID token that the app got before.
    pub id_token_hint: Option<String>,
}

impl Wish {
    /// Reads the rest of an authorization request. Parameters that are not known are left alone.
    pub fn parse(params: &Params) -> Result<Self, Error> {
        unsupported(params)?;
        let response_type = params.needed("response_type")?;
        if response_type != "code" {
            let detail = format!("response_type {response_type:?} is not offered; code is.");
            return Err(Error::oauth(OAuthCode::UnsupportedResponseType, detail));
        }
        let mode = params.text("response_mode");
        if mode.is_some_and(|mode| !["query", "form_post"].contains(&mode)) {
            let detail = "response_mode can only be query or form_post.";
            return Err(invalid(detail).with_param("response_mode"));
        }
        let text = |name| params.text(name).map(str::to_owned);
        let nonce = text("nonce");
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST) {
            return Err(invalid("nonce is too long.").with_param("nonce"));
        }
        Ok(Self {
            challenge: Challenge::of(params)?,
            scope: text("scope"),
            resource: text("resource"),
            nonce,
            prompt: prompt(params.text("prompt").unwrap_or_default())?,
            max_age_s: params.text("max_age").map(max_age).transpose()?,
            login_hint: text("login_hint"),
            id_token_hint: text("id_token_hint"),
        })
    }
}

/// Refuses what would have to be heeded and is not (OpenID Connect Core, 6).
fn unsupported(params: &Params) -> Result<(), Error> {
    let refused = |name: &str, code| {
        let told = Error::oauth(code, format!("The parameter {name} is not taken."));
        params.text(name).map_or(Ok(()), |_| Err(told.with_param(name)))
    };
    refused("request", OAuthCode::RequestNotSupported)?;
    refused("request_uri", OAuthCode::RequestUriNotSupported)
}

fn prompt(text: &str) -> Result<Prompt, Error> {
    let mut prompt = Prompt::default();
    let mut words = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        words += 1;
        match word {
            "none" => prompt.none = true,
            // Who may be another person has to show it by signing in.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => {}
        }
    }
    if prompt.none && words > 1 {
        return Err(invalid("prompt=none stands alone.").with_param("prompt"));
    }
    Ok(prompt)
}

fn max_age(text: &str) -> Result<i64, Error> {
    let wrong = || invalid("max_age is a number of seconds.").with_param("max_age");
    text.parse().ok().filter(|seconds: &i64| *seconds >= 0).ok_or_else(wrong)
}
