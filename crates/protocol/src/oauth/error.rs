//! Errors as OAuth writes them (RFC 6749, 5.2; RFC 6750, 3).

use serde::Serialize;
use tollgate_kernel::OAuthCode;

use crate::json::to_json;

/// The body of a refusal.
pub fn error_body(code: OAuthCode, detail: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
        error_description: &'a str,
    }
    to_json(&Body { error: code.as_str(), error_description: &description(detail) })
}

/// The value of `WWW-Authenticate` for a scheme, with the reason where there is one.
pub fn challenge(scheme: &str, reason: Option<(OAuthCode, &str)>) -> String {
    let realm = format!("{scheme} realm=\"tollgate\"");
    match reason {
        None => realm,
        Some((code, detail)) => {
            let (code, detail) = (code.as_str(), description(detail));
            format!("{realm}, error=\"{code}\", error_description=\"{detail}\"")
        }
    }
}

/// Words of ours in the characters that both forms take: ASCII without `"` and `\`.
pub fn description(detail: &str) -> String {
    let plain = |c: char| match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => '?',
    };
    detail.chars().map(plain).collect()
}
