//! Why a document did not come.

use std::fmt;

/// What went wrong. Nothing of it is the target's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The address may not be spoken to.
    Refused,
    /// Nobody answers there: no address, no connection, no TLS. The cause is for the log.
    Unreachable(String),
    /// It took too long.
    Late,
    /// It leads elsewhere, and may not.
    Redirected,
    /// It answers with this status.
    Status(u16),
    /// It is larger than was asked for.
    TooLarge,
    /// It does not say that it is JSON.
    NotJson,
    /// It broke off, or speaks no HTTP. The cause is for the log.
    Broken(String),
}

impl Fault {
    /// Its name in findings.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Refused => "refused_address",
            Self::Unreachable(_) => "unreachable",
            Self::Late => "timed_out",
            Self::Redirected => "redirected",
            Self::Status(_) => "bad_status",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for Fault {
    /// For the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "answered {status}"),
            Self::Unreachable(cause) | Self::Broken(cause) => {
                write!(f, "{}: {cause}", self.code())
            }
            _ => f.write_str(self.code()),
        }
    }
}

impl std::error::Error for Fault {}
