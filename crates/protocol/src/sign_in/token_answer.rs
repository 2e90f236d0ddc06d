//! The answer to a token request (RFC 6749, 5.1 and 5.2), as JSON or, from GitHub and others of its
//! age, as a form.

use serde::Deserialize;
use serde_json::Value;
use tollgate_kernel::{PlainToken, Secret};

/// The longest error code of a sign-in provider that is repeated in a log, in bytes.
const MAX_CODE_LEN: usize = 64;

/// Numbers by which Facebook says that it does not take the client's id or secret.
const GRAPH_CLIENT_ERRORS: [i64; 2] = [1, 101];

/// What an answer to a token request says. It holds tokens, so it has no `Debug`.
pub enum TokenAnswer {
    /// Here they are.
    Tokens(Tokens),
    /// No, and why. The code is safe to log.
    Refused(TokenRefusal, String),
    /// Neither.
    Nonsense(&'static str),
}

/// The tokens that were given. It has no `Debug`.
pub struct Tokens {
    /// For the profile.
    pub access_token: PlainToken,
    /// Who came, where the provider speaks OpenID Connect.
    pub id_token: Option<PlainToken>,
    /// What new tokens are had for.
    pub refresh_token: Option<PlainToken>,
    /// For how many seconds the access token counts; none where nobody says it soundly.
    pub expires_in: Option<u64>,
}

/// Why no tokens were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Our client id or secret is not right.
    Client,
    /// The code is not right, used, or too old.
    Grant,
    /// The redirect URI is not the one that is registered.
    RedirectUri,
    /// Something else.
    Other,
}

impl TokenAnswer {
    /// Reads an answer. `is_form`: by its content type it is one. Errors are looked for whatever
    /// the status was, because some send them with 200.
    pub fn read(is_form: bool, body: &[u8]) -> Self {
        let raw = if is_form { Raw::of_form(body) } else { serde_json::from_slice(body).ok() };
        let Some(raw) = raw else { return Self::Nonsense("neither JSON nor a form") };
        if let Some(error) = &raw.error {
            let (refusal, code) = refused(error);
            return Self::Refused(refusal, code);
        }
        let filled = |secret: Option<Secret>| {
            secret.filter(|s| !s.is_empty()).map(|s| PlainToken::new(s.expose().to_owned()))
        };
        let is_bearer = |kind: &String| kind.eq_ignore_ascii_case("bearer");
        if raw.token_type.as_ref().is_some_and(|kind| !is_bearer(kind)) {
            return Self::Nonsense("a token of a type that is not bearer");
        }
        match filled(raw.access_token) {
            None => Self::Nonsense("no access token"),
            Some(access_token) => {
                let (id_token, refresh_token) = (filled(raw.id_token), filled(raw.refresh_token));
                let expires_in = raw.expires_in.as_ref().and_then(seconds);
                Self::Tokens(Tokens { access_token, id_token, refresh_token, expires_in })
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    access_token: Option<Secret>,
    id_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<Value>,
    token_type: Option<String>,
    error: Option<Value>,
}

impl Raw {
    fn of_form(body: &[u8]) -> Option<Self> {
        let mut raw = Self::default();
        for (name, value) in form(body)? {
            let once = match name.as_str() {
                "access_token" => raw.access_token.replace(Secret::new(value)).is_none(),
                "id_token" => raw.id_token.replace(Secret::new(value)).is_none(),
                "refresh_token" => raw.refresh_token.replace(Secret::new(value)).is_none(),
                "expires_in" => raw.expires_in.replace(Value::String(value)).is_none(),
                "token_type" => raw.token_type.replace(value).is_none(),
                "error" => raw.error.replace(Value::String(value)).is_none(),
                _ => true,
            };
            if !once {
                return None;
            }
        }
        Some(raw)
    }
}

/// A number, or digits in a string, of at most ten years; anything else is no lifetime.
fn seconds(value: &Value) -> Option<u64> {
    const LONGEST: u64 = 10 * 366 * 86_400;
    let seconds = match value {
        Value::String(digits) => digits.trim().parse().ok(),
        value => value.as_u64(),
    };
    seconds.filter(|seconds| (1..=LONGEST).contains(seconds))
}

/// The members of a form; `None` where it is not one.
fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(body).ok()?;
    text.trim_end()
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((unescaped(name)?, unescaped(value)?))
        })
        .collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            0x21..0x7f => byte,
            _ => return None,
        });
    }
    String::from_utf8(out).ok()
}

fn refused(error: &Value) -> (TokenRefusal, String) {
    let graph = |member: &str| error.get(member);
    let number = graph("code").and_then(Value::as_i64);
    let (code, refusal) = match (error.as_str(), number) {
        (Some(code), _) => (code.to_owned(), by_code(code)),
        (None, Some(number)) if GRAPH_CLIENT_ERRORS.contains(&number) => {
            (number.to_string(), TokenRefusal::Client)
        }
        (None, Some(number)) => (number.to_string(), TokenRefusal::Other),
        (None, None) => (String::new(), TokenRefusal::Other),
    };
    // It goes to a log: only what a code is made of.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (refusal, code.chars().take_while(is_plain).take(MAX_CODE_LEN).collect())
}

fn by_code(code: &str) -> TokenRefusal {
    match code {
        "invalid_client" | "unauthorized_client" | "incorrect_client_credentials" => {
            TokenRefusal::Client
        }
        "invalid_grant" | "bad_verification_code" => TokenRefusal::Grant,
        "redirect_uri_mismatch" => TokenRefusal::RedirectUri,
        _ => TokenRefusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(is_form: bool, body: &str) -> Option<(String, Option<String>)> {
        match TokenAnswer::read(is_form, body.as_bytes()) {
            TokenAnswer::Tokens(Tokens { access_token, id_token, .. }) => Some((
                access_token.expose().to_owned(),
                id_token.map(|token| token.expose().to_owned()),
            )),
            _ => None,
        }
    }

    fn refusal(is_form: bool, body: &str) -> Option<(TokenRefusal, String)> {
        match TokenAnswer::read(is_form, body.as_bytes()) {
            TokenAnswer::Refused(refusal, code) => Some((refusal, code)),
            _ => None,
        }
    }

    #[test]
    fn tokens_come_as_json_or_as_a_form() {
        let json = r#"{"access_token":"a","token_type":"Bearer","id_token":"i","expires_in":"x"}"#;
        assert_eq!(tokens(false, json), Some(("a".to_owned(), Some("i".to_owned()))));
        let form = "access_token=gho%5F1+2&scope=user%3Aemail&token_type=bearer\n";
        assert_eq!(tokens(true, form), Some(("gho_1 2".to_owned(), None)));
        assert_eq!(tokens(false, r#"{"access_token":"a"}"#), Some(("a".to_owned(), None)));
    }

    #[test]
    fn v24_lifetimes_that_are_odd_are_unknown() {
        let life = |is_form: bool, body: &str| match TokenAnswer::read(is_form, body.as_bytes()) {
            TokenAnswer::Tokens(tokens) => Some(tokens.expires_in),
            _ => None,
        };
        let json = |life: &str| format!(r#"{{"access_token":"a","expires_in":{life}}}"#);
        assert_eq!(life(false, &json("59")), Some(Some(59)));
        assert_eq!(life(false, &json("\"59\"")), Some(Some(59)));
        assert_eq!(life(true, "access_token=a&expires_in=59"), Some(Some(59)));
        for odd in ["0", "-1", "null", "[]", "\"soon\"", "99999999999", "1.5"] {
            assert_eq!(life(false, &json(odd)), Some(None), "{odd}");
        }
        assert_eq!(life(false, r#"{"access_token":"a"}"#), Some(None));
    }

    #[test]
    fn v26_a_refresh_token_may_be_left_out() {
        let refresh = |body: &str| match TokenAnswer::read(false, body.as_bytes()) {
            TokenAnswer::Tokens(it) => it.refresh_token.map(|token| token.expose().to_owned()),
            _ => None,
        };
        let with = r#"{"access_token":"a","refresh_token":"r"}"#;
        assert_eq!(refresh(with).as_deref(), Some("r"));
        assert_eq!(refresh(r#"{"access_token":"a","refresh_token":""}"#), None);
        assert_eq!(refresh(r#"{"access_token":"a","refresh_token":null}"#), None);
    }

    #[test]
    fn v24_what_is_no_token_answer_is_nonsense() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            "null",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","access_token":"b"}"#,
        ] {
            assert!(tokens(false, body).is_none() && refusal(false, body).is_none(), "{body}");
        }
        for body in ["", "<html>", "access_token", "access_token=", "access_token=%zz"] {
            assert!(tokens(true, body).is_none() && refusal(true, body).is_none(), "{body}");
        }
        assert!(tokens(true, "access_token=a&access_token=b").is_none());
    }

    #[test]
    fn refusals_are_told_apart_and_only_their_codes_are_kept() {
        use TokenRefusal::{Client, Grant, Other, RedirectUri};
        for (code, wanted) in [
            ("invalid_client", Client),
            ("incorrect_client_credentials", Client),
            ("invalid_grant", Grant),
            ("bad_verification_code", Grant),
            ("redirect_uri_mismatch", RedirectUri),
            ("server_error", Other),
        ] {
            let body = format!(r#"{{"error":"{code}","error_description":"sk-canary"}}"#);
            assert_eq!(refusal(false, &body), Some((wanted, code.to_owned())));
            assert_eq!(refusal(true, &format!("error={code}")), Some((wanted, code.to_owned())));
        }
        let graph = |code: i64| format!(r#"{{"error":{{"message":"sk-canary","code":{code}}}}}"#);
        assert_eq!(refusal(false, &graph(101)), Some((Client, "101".to_owned())));
        assert_eq!(refusal(false, &graph(100)), Some((Other, "100".to_owned())));
        let odd = r#"{"error":"a b\n<script>","access_token":"a"}"#;
        assert_eq!(refusal(false, odd), Some((Other, "a".to_owned())));
    }

    proptest! {
        #[test]
        fn never_panics(is_form in any::<bool>(), body in any::<Vec<u8>>(), text in any::<String>())
        {
            drop(TokenAnswer::read(is_form, &body));
            drop(TokenAnswer::read(is_form, text.as_bytes()));
        }
    }
}
