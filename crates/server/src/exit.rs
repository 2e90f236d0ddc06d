//! How a verb ends: a line of what, a line of why, a line of what to do, and an exit code.

use std::fmt;

use http::StatusCode;
use tollgate_kernel::{Blame, Error, Kind};
use tollgate_store::Refusal;

use crate::config::Problems;

/// Why a verb failed.
pub struct Exit {
    code: u8,
    what: String,
    why: Option<String>,
    advice: Option<&'static str>,
}

/// The documented exit codes (after sysexits where they have one).
mod code {
    pub(super) const RUN_TIME: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const NOT_FOUND: u8 = 66;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const CONFLICT: u8 = 73;
    pub(super) const IO: u8 = 74;
    pub(super) const LATER: u8 = 75;
    pub(super) const NOT_ALLOWED: u8 = 77;
    pub(super) const CONFIG: u8 = 78;
}

impl Exit {
    /// The exit code of the process.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// The call was wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { code: code::USAGE, what: what.into(), why: None, advice: None }
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self { code: code::NOT_FOUND, what: what.into(), why: None, advice: None }
    }

    /// A server refused with this status, in these words.
    pub fn refused(status: StatusCode, what: impl Into<String>) -> Self {
        let (code, advice) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (code::NOT_ALLOWED, None),
            StatusCode::NOT_FOUND => (code::NOT_FOUND, None),
            StatusCode::CONFLICT => (code::CONFLICT, None),
            StatusCode::TOO_MANY_REQUESTS => (code::LATER, Some("again in a moment")),
            StatusCode::SERVICE_UNAVAILABLE => (code::UNAVAILABLE, Some("again in a moment")),
            status if status.is_client_error() => (code::USAGE, None),
            _ => (code::RUN_TIME, None),
        };
        Self { code, what: what.into(), why: None, advice }
    }

    /// A file could not be read or written.
    pub fn io(what: impl Into<String>, why: &std::io::Error) -> Self {
        Self { code: code::IO, what: what.into(), why: Some(why.to_string()), advice: None }
    }

    /// The configuration asks for what cannot be done.
    pub fn config(what: impl Into<String>) -> Self {
        Self { code: code::CONFIG, what: what.into(), why: None, advice: None }
    }

    /// No server could be reached.
    pub fn unavailable(what: impl Into<String>, advice: &'static str) -> Self {
        Self { code: code::UNAVAILABLE, what: what.into(), why: None, advice: Some(advice) }
    }

    /// What a server or a library refused.
    pub fn run_time(what: impl Into<String>) -> Self {
        Self { code: code::RUN_TIME, what: what.into(), why: None, advice: None }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(why) = &self.why {
            write!(f, "\n  why: {why}")?;
        }
        if let Some(advice) = self.advice {
            write!(f, "\n  try: {advice}")?;
        }
        Ok(())
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        let advice = match Refusal::behind(&error) {
            Some(Refusal::InUse) => Some("stop the other server, or give this one another folder"),
            Some(Refusal::NewerTables) => Some("run the newer version of tollgate"),
            None => None,
        };
        let code = match error.kind() {
            Kind::Unavailable | Kind::ShuttingDown => code::UNAVAILABLE,
            Kind::Unauthenticated | Kind::Forbidden => code::NOT_ALLOWED,
            Kind::NotFound => code::NOT_FOUND,
            Kind::Conflict | Kind::Declared => code::CONFLICT,
            Kind::RateLimited => code::LATER,
            kind if kind.blame() == Blame::Caller => code::USAGE,
            _ => code::RUN_TIME,
        };
        Self { code, what: error.detail().to_owned(), why: error.cause(), advice }
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        Self { code: code::CONFIG, what: problems.to_string(), why: None, advice: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_refusal_has_its_code() {
        let code = |status| StatusCode::from_u16(status).map(|s| Exit::refused(s, "x").code());
        for (status, wanted) in [
            (400, 2),
            (401, 77),
            (403, 77),
            (404, 66),
            (405, 2),
            (409, 73),
            (413, 2),
            (429, 75),
            (500, 1),
            (502, 1),
            (503, 69),
        ] {
            assert_eq!(code(status).ok(), Some(wanted), "{status}");
        }
        let of = |kind| Exit::from(Error::new(kind, "x")).code();
        let kinds = [Kind::Declared, Kind::NotFound, Kind::Forbidden, Kind::InvalidRequest];
        assert_eq!(kinds.map(of), [73, 66, 77, 2]);
    }
}
