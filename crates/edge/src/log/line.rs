//! The line itself, as JSON for machines and as text for a terminal.
//!
//! | field | what |
//! |---|---|
//! | `time` | when the answer ended, RFC 3339, UTC |
//! | `level` | `info`; `warn` when an upstream failed; `error` when we did |
//! | `request_id` | the answer's `x-request-id` |
//! | `method`, `route` | the route's template, never the path itself; `null` where none matched |
//! | `status` | of the answer; `null` when the caller left before there was one |
//! | `duration_ms` | until the answer's last byte |
//! | `network` | where the request came from |
//! | `subject`, `client` | who asked, and by which app; absent before authentication |
//! | `credential`, `credential_id` | how they proved it (`key`, `session`, …); whose record |
//! | `bytes_in`, `bytes_out` | of the bodies |
//! | `ended` | `complete`, `cut` (the answer broke off), `client_gone` |
//! | `error`, `cause` | the error's name, and what only the log is told |
//! | `model` | what the handler added, by [`super::Note::set`] |

use std::fmt::{self, Write};
use std::time::Duration;

use http::StatusCode;
use tollgate_kernel::{
    Blame, Client, ClientId, CredentialId, GrantId, KeyId, Method, Network, RequestId, SessionId,
    Timestamp,
};

use super::sink::Style;
use super::{Noted, Noticed};
use crate::error::spoken;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete,
    Cut,
    ClientGone,
}

impl Ended {
    const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::ClientGone => "client_gone",
        }
    }
}

/// All that a line says, but for what was noted on the way.
pub(crate) struct Line<'a> {
    pub(crate) time: Timestamp,
    pub(crate) request_id: RequestId,
    pub(crate) method: &'a http::Method,
    pub(crate) status: Option<StatusCode>,
    pub(crate) duration: Duration,
    pub(crate) network: Network,
    pub(crate) bytes_out: u64,
    pub(crate) ended: Ended,
}

impl Line<'_> {
    /// Writes the line and its end to `out`. A write to memory cannot fail.
    pub(crate) fn write(&self, noted: &Noted, style: Style, out: &mut String) {
        let _ = match style {
            Style::Json => self.json(noted, out),
            Style::Pretty { colour } => self.pretty(noted, colour, out),
        };
    }

    fn json(&self, noted: &Noted, out: &mut String) -> fmt::Result {
        let mut id = [0; RequestId::LENGTH];
        out.push_str(r#"{"time":""#);
        self.time.write_rfc3339(out);
        texts(out, [r#"","level":""#, level(noted), r#"","request_id":""#]);
        texts(out, [self.request_id.write(&mut id), r#"","method":"#]);
        quoted(self.method.as_str(), out);
        out.push_str(r#","route":"#);
        match noted.route {
            Some(route) => quoted(route, out),
            None => out.push_str("null"),
        }
        let status = self.status.as_ref().map_or("null", |status| status.as_str());
        texts(out, [r#","status":"#, status]);
        out.push_str(r#","duration_ms":"#);
        milliseconds(self.duration, out);
        write!(out, r#","network":"{}"#, self.network)?;
        out.push('"');
        if let Some(caller) = &noted.caller {
            caller.json(out)?;
        }
        texts(out, [r#","bytes_in":"#, itoa::Buffer::new().format(noted.bytes_in)]);
        texts(out, [r#","bytes_out":"#, itoa::Buffer::new().format(self.bytes_out)]);
        texts(out, [r#","ended":""#, self.ended.name(), "\""]);
        if let Some(error) = &noted.error {
            texts(out, [r#","error":""#, spoken(error.kind()).name(), "\""]);
            if let Some(cause) = error.cause() {
                out.push_str(r#","cause":"#);
                quoted(&cause, out);
            }
        }
        for (field, value) in &noted.fields {
            texts(out, [",\"", field, "\":"]);
            quoted(value, out);
        }
        out.push_str("}\n");
        Ok(())
    }

    fn pretty(&self, noted: &Noted, colour: bool, out: &mut String) -> fmt::Result {
        let time = self.time.rfc3339();
        let status = self.status.map_or(0, |status| status.as_u16());
        let (on, off) = match (colour, status) {
            (false, _) => ("", ""),
            (true, 500..) => ("\u{1b}[31m", "\u{1b}[0m"),
            (true, 400..) => ("\u{1b}[33m", "\u{1b}[0m"),
            (true, _) => ("\u{1b}[32m", "\u{1b}[0m"),
        };
        write!(out, "{} {on}{status}{off} ", time.get(11..19).unwrap_or(&time))?;
        escaped(self.method.as_str(), out);
        let ms = self.duration.as_micros() as f64 / 1_000.0;
        write!(out, " {} {ms:.1} ms", noted.route.unwrap_or("(no route)"))?;
        if let Some(seen) = &noted.caller {
            write!(out, " {} ({})", seen.subject, kind(seen.method))?;
        }
        for (field, value) in &noted.fields {
            write!(out, " {field}=")?;
            escaped(value, out);
        }
        if self.ended != Ended::Complete {
            write!(out, " {}", self.ended.name())?;
        }
        if let Some(error) = &noted.error {
            write!(out, " {on}{}{off}", spoken(error.kind()).name())?;
            if let Some(cause) = error.cause() {
                out.push_str(": ");
                escaped(&cause, out);
            }
            write!(out, " {}", self.request_id)?;
        }
        out.push('\n');
        Ok(())
    }
}

fn level(noted: &Noted) -> &'static str {
    match noted.error.as_ref().map(|error| error.kind().blame()) {
        None | Some(Blame::Caller) => "info",
        Some(Blame::Upstream) => "warn",
        Some(Blame::Us) => "error",
    }
}

const fn kind(method: Method) -> &'static str {
    match method {
        Method::None => "none",
        Method::Key => "key",
        Method::AccessToken => "access_token",
        Method::Session => "session",
        Method::Socket => "socket",
        Method::Client => "client",
        Method::Job => "job",
    }
}

impl Noticed {
    fn json(&self, out: &mut String) -> fmt::Result {
        let Self { subject, client, method, credential } = self;
        write!(out, r#","subject":"{subject}"#)?;
        texts(out, [r#"","credential":""#, kind(*method)]);
        match credential {
            CredentialId::None => {}
            CredentialId::Key(id) => {
                texts(out, [r#"","credential_id":""#, id.write(&mut [0; KeyId::LENGTH])]);
            }
            CredentialId::Session(id) => {
                texts(out, [r#"","credential_id":""#, id.write(&mut [0; SessionId::LENGTH])]);
            }
            CredentialId::Grant(id) => {
                texts(out, [r#"","credential_id":""#, id.write(&mut [0; GrantId::LENGTH])]);
            }
        }
        match client {
            Client::FirstParty => out.push_str(r#"","client":"first_party""#),
            Client::App(id) => {
                texts(out, [r#"","client":""#, id.write(&mut [0; ClientId::LENGTH]), "\""]);
            }
        }
        Ok(())
    }
}

/// A time in milliseconds, with three digits behind the point.
fn milliseconds(time: Duration, out: &mut String) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let padding = match us % 1_000 {
        0..10 => ".00",
        10..100 => ".0",
        _ => ".",
    };
    texts(out, [itoa::Buffer::new().format(us / 1_000), padding]);
    out.push_str(itoa::Buffer::new().format(us % 1_000));
}

fn texts<const N: usize>(out: &mut String, texts: [&str; N]) {
    texts.into_iter().for_each(|text| out.push_str(text));
}

/// Appends `text` to `out` as a JSON string without anything that ends a line or moves a cursor.
pub fn quoted(text: &str, out: &mut String) {
    out.push('"');
    escaped(text, out);
    out.push('"');
}

/// `text` without anything that ends a line, moves a cursor, or turns text around (K9).
fn escaped(text: &str, out: &mut String) {
    // As good as always. A fold, not `all`: without an early exit the compiler makes it wide.
    let is_plain = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
    if text.bytes().fold(true, |all, b| all & is_plain(b)) {
        return out.push_str(text);
    }
    let mut units = [0_u16; 2];
    for c in text.chars() {
        match c {
            '"' => out.push_str(r#"\""#),
            '\\' => out.push_str(r"\\"),
            c if is_tricky(c) => {
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
}

fn is_tricky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use tollgate_kernel::Error;

    use super::*;
    use crate::error::Dialect;
    use crate::log::Note;

    fn written(note: &Note, style: Style) -> String {
        let line = Line {
            time: Timestamp::from_secs(1_800_000_000),
            request_id: RequestId::from_uuid(Default::default()),
            method: &http::Method::POST,
            status: Some(StatusCode::OK),
            duration: Duration::from_micros(1_234),
            network: Network::of([127, 0, 0, 1].into()),
            bytes_out: 7,
            ended: Ended::Complete,
        };
        let mut out = String::new();
        note.with(|noted| line.write(noted, style, &mut out));
        out
    }

    const HOSTILE: &str =
        "a\r\n{\"level\":\"info\"}\u{1b}[2J\u{9b}31m\u{7f}\u{0}\u{202e}\u{2028}\"\\";

    #[test]
    fn k9_nothing_in_a_field_ends_the_line_or_reaches_the_terminal() {
        for style in [Style::Json, Style::Pretty { colour: false }] {
            let note = Note::new(Dialect::OpenAi);
            note.set("model", HOSTILE);
            note.error(Arc::new(Error::internal(HOSTILE)));
            let text = written(&note, style);
            let line = text.strip_suffix('\n').unwrap();
            let tricky = "\r\n\u{1b}\u{9b}\u{7f}\0\u{202e}\u{2028}";
            assert!(!line.chars().any(|c| tricky.contains(c)), "{line:?}");
        }
    }

    #[test]
    fn milliseconds_have_three_digits_behind_the_point() {
        for (us, text) in [(0, "0.000"), (7, "0.007"), (70, "0.070"), (1_234_567, "1234.567")] {
            let mut out = String::new();
            milliseconds(Duration::from_micros(us), &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn the_json_line_is_json_and_keeps_what_was_said() {
        let note = Note::new(Dialect::OpenAi);
        note.set("model", HOSTILE);
        note.bytes_in(5);
        note.error(Arc::new(Error::unavailable("disk\nfull")));
        let line: serde_json::Value = serde_json::from_str(&written(&note, Style::Json)).unwrap();
        assert_eq!(line["model"], HOSTILE);
        assert_eq!(line["cause"], "disk\nfull");
        assert_eq!(line["level"], "error");
        assert_eq!(line["error"], "unavailable");
        assert_eq!(line["duration_ms"], 1.234);
        assert_eq!(line["bytes_in"], 5);
        assert_eq!(line["bytes_out"], 7);
        assert_eq!(line["ended"], "complete");
        assert_eq!(line["route"], serde_json::Value::Null);
    }
}
