//! The parameters of a request.

use tollgate_kernel::{Error, OAuthCode, PlainToken};

use crate::json_scan::{Member, Visitor, scan_object};

/// The most parameters of a request.
const MOST: usize = 64;

/// Parameters, each there once (RFC 6749, 3.1). They may be secrets: no `Debug`.
#[derive(Default)]
pub struct Params(Vec<(String, PlainToken)>);

impl Params {
    /// Reads a query or a form (`application/x-www-form-urlencoded`).
    ///
    /// Refuses a parameter that is there twice, percent signs and bytes that make no text, and more
    /// parameters than anybody sends.
    pub fn from_form(form: &[u8]) -> Result<Self, Error> {
        let mut params = Self::default();
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            params.add(decoded(name)?, decoded(value.strip_prefix(b"=").unwrap_or(value))?)?;
        }
        Ok(params)
    }

    /// Reads a JSON object of texts, as apps of the first plugins send it. What is no text is
    /// refused; `null` is left out.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(json).map_err(|_| invalid("The body is not UTF-8."))?;
        let mut params = Self::default();
        let mut reading = Reading { params: &mut params, wrong: None };
        let scanned = scan_object(text, &mut reading);
        if let Some(wrong) = reading.wrong {
            return Err(wrong);
        }
        scanned.map_err(|e| invalid("The body is not a JSON object.").with_source(e))?;
        Ok(params)
    }

    /// A parameter as text. One without a value is not there (RFC 6749, 3.1).
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(found.1.expose()).filter(|value| !value.is_empty())
    }

    /// A parameter that is a secret.
    pub fn secret(&self, name: &str) -> Option<PlainToken> {
        self.text(name).map(|text| PlainToken::new(text.to_owned()))
    }

    /// A parameter that the request cannot be without.
    pub fn needed(&self, name: &str) -> Result<&str, Error> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// The parameters as a query.
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        for (name, value) in &self.0 {
            if !query.is_empty() {
                query.push('&');
            }
            encode(&mut query, name);
            query.push('=');
            encode(&mut query, value.expose());
        }
        query
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Error> {
        let value = PlainToken::new(value);
        if self.0.iter().any(|(known, _)| *known == name) {
            let name: String = name.chars().take(64).collect();
            let detail = format!("The parameter {name:?} is there twice. Send it once.");
            return Err(invalid(detail).with_param(name));
        }
        if self.0.len() == MOST {
            return Err(invalid("The request has too many parameters."));
        }
        self.0.push((name, value));
        Ok(())
    }
}

pub(super) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::oauth(OAuthCode::InvalidRequest, detail)
}

pub(super) fn missing(name: &str) -> Error {
    invalid(format!("The parameter {name} is missing.")).with_param(name)
}

/// Writes `text` with every byte but the unreserved ones as a percent escape (RFC 3986, 2.3), so
/// that a form and a URL read it alike.
pub(super) fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            for half in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                to.push(digit.to_ascii_uppercase());
            }
        }
    }
}

/// A name or value of a form without its escapes.
pub(super) fn decoded(text: &[u8]) -> Result<String, Error> {
    let wrong = || invalid("A percent sign in the request is not followed by two hex digits.");
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = digit(rest.next()).zip(digit(rest.next())).ok_or_else(wrong)?;
                u8::try_from(high << 4 | low).map_err(|_| wrong())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| invalid("The request is not UTF-8."))
}

struct Reading<'p> {
    params: &'p mut Params,
    /// A refusal of ours, which the scanner would tell as one of its own.
    wrong: Option<Error>,
}

impl<'a> Visitor<'a> for Reading<'_> {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth != 1 || member.value.is_null() {
            return Ok(());
        }
        let added = match (member.name(), member.value.as_text()) {
            (Some(name), Some(text)) => self.params.add(name.into_owned(), text.into_owned()),
            _ => Err(invalid("A member of the body is not text.")),
        };
        added.map_err(|wrong| {
            self.wrong = Some(wrong);
            invalid("refused")
        })
    }
}
