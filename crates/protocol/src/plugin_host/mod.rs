//! The plugin protocol of 2023 (`/.well-known/ai-plugin.json`) as a host reads it: somebody else's
//! manifest, read leniently; which hosts belong to it; and the requests of its OAuth flow, to the
//! letter.
//!
//! What is odd in a manifest is a [`Warning`] with a stable code; what must not be used is a
//! [`Refusal`]. Nothing is repaired silently where a secret would be sent.

mod auth;
mod domain;
mod flow;
mod lenient;
mod manifest;
mod spec;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::auth::{Auth, BodyForm, OAuth, Scheme};
pub use self::domain::{Root, may_lead, same_site};
pub use self::flow::{AuthorizeRequest, TokenRequest};
pub use self::manifest::{MAX_BYTES, Manifest, Published, Source, read};
pub use self::spec::{Api, MAX_SPEC_BYTES, read_api};

/// Something odd that a tool can be used in spite of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The code, stable.
    pub code: String,
    /// What it is about, in a sentence. It may hold words of the manifest: shortened, and without
    /// control characters.
    pub message: String,
    /// The host that it is about.
    pub host: Option<String>,
}

impl Warning {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), host: None }
    }

    fn about(code: &str, message: impl Into<String>, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..Self::new(code, message) }
    }
}

/// Why a tool is not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, stable.
    pub code: &'static str,
    /// Why, in a sentence.
    pub message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Refusal {}

/// Words of others, for people: at most `most` characters, and nothing that moves or hides others.
fn plain(text: &str, most: usize) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_odd(c) { ' ' } else { c }).take(most).collect()
}
