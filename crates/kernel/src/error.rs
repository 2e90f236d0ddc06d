//! What can go wrong, said once for all doors. `edge` turns it into bytes in each door's dialect.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::OAuthCode;

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller: another request would fare better.
    Caller,
    /// The software behind us: a model provider, a tool, a sign-in provider.
    Upstream,
    /// This server or its store.
    Us,
}

/// Every kind of error. The stable codes, statuses and headers of each are in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The request is malformed, or a member of it is.
    InvalidRequest,
    /// The body is larger than the route takes.
    TooLarge,
    /// Two credentials, or one twice.
    AmbiguousCredentials,
    /// No credential, or one that is unknown, expired or revoked.
    Unauthenticated,
    /// Known, but not allowed to do this.
    Forbidden,
    /// The Origin or the form's token does not belong to this site.
    CrossSite,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// The method is not offered at this path.
    MethodNotAllowed,
    /// The model is unknown or not allowed.
    ModelNotFound,
    /// The route exists at the provider but not here.
    RouteNotAllowed,
    /// The object exists already, or is in another state than the change needs.
    Conflict,
    /// The object is declared in the configuration file and cannot be changed here.
    Declared,
    /// More requests, tokens or concurrent calls than a rate allows.
    RateLimited,
    /// A budget is spent.
    BudgetExhausted,
    /// What is left of a budget is held by calls in flight.
    BudgetInUse,
    /// The call has no price, and a budget in money applies or nothing bounds what it costs.
    PriceUnknown,
    /// The store cannot record a hold.
    BudgetUnavailable,
    /// The upstream failed, refused us, or answered nonsense.
    UpstreamFailed,
    /// The upstream was silent for too long.
    UpstreamTimeout,
    /// The upstream limits us; a retry may succeed.
    UpstreamBusy,
    /// Our account at the upstream has run dry; a retry cannot succeed.
    UpstreamQuota,
    /// The upstream refuses our key; a retry cannot succeed.
    UpstreamRefused,
    /// A person has to sign in again at the tool that they connected.
    NeedsReauth,
    /// Something of ours is away for the moment.
    Unavailable,
    /// The server is stopping.
    ShuttingDown,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// All kinds, for tables and snapshots.
    pub const ALL: [Self; 26] = [
        Self::InvalidRequest,
        Self::TooLarge,
        Self::AmbiguousCredentials,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::CrossSite,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::ModelNotFound,
        Self::RouteNotAllowed,
        Self::Conflict,
        Self::Declared,
        Self::RateLimited,
        Self::BudgetExhausted,
        Self::BudgetInUse,
        Self::PriceUnknown,
        Self::BudgetUnavailable,
        Self::UpstreamFailed,
        Self::UpstreamTimeout,
        Self::UpstreamBusy,
        Self::UpstreamQuota,
        Self::UpstreamRefused,
        Self::NeedsReauth,
        Self::Unavailable,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// Who has to do something about it.
    pub const fn blame(self) -> Blame {
        match self {
            Self::InvalidRequest
            | Self::TooLarge
            | Self::AmbiguousCredentials
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::CrossSite
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::ModelNotFound
            | Self::RouteNotAllowed
            | Self::Conflict
            | Self::Declared
            | Self::RateLimited
            | Self::BudgetExhausted
            | Self::BudgetInUse
            | Self::PriceUnknown
            | Self::NeedsReauth => Blame::Caller,
            Self::UpstreamFailed
            | Self::UpstreamTimeout
            | Self::UpstreamBusy
            | Self::UpstreamQuota
            | Self::UpstreamRefused => Blame::Upstream,
            Self::BudgetUnavailable | Self::Unavailable | Self::ShuttingDown | Self::Internal => {
                Blame::Us
            }
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error with two messages: `detail` for the caller, `source` for the log alone.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    param: Option<String>,
    oauth: Option<OAuthCode>,
    challenge: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind`; `detail` is shown to the caller, so it says what is wrong and then what
    /// to do, and holds nothing secret.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            param: None,
            oauth: None,
            challenge: None,
            retry_after: None,
            source: None,
        }))
    }

    /// The request is malformed in the way that `detail` says.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::InvalidRequest, detail)
    }

    /// An OAuth request fails with `code`; its kind is the code's.
    pub fn oauth(code: OAuthCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(code.kind(), detail);
        error.0.oauth = Some(code);
        error
    }

    /// There is no such thing, or none that the caller may know of.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "There is nothing here under this name.")
    }

    /// No valid credential. The same words whatever was wrong with it.
    pub fn unauthenticated() -> Self {
        Self::new(
            Kind::Unauthenticated,
            "The credential is missing, unknown, expired or revoked. Send a valid one.",
        )
    }

    /// A fault of ours; `source` goes to the log.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(Kind::Internal, "The server made a mistake. The request id helps to find it.")
            .with_source(source)
    }

    /// Something of ours is away for the moment; `source` goes to the log.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::new(Kind::Unavailable, "The server cannot do this right now. Try again shortly.")
            .with_retry_after(Duration::from_secs(1))
            .with_source(source)
    }

    /// Names the member of the request that is at fault.
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Says how to come in (RFC 9110, 11.6.1), where that is not the usual way.
    pub fn with_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// Says how long to wait before another try.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds what the log should know.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The code in OAuth's answers: the one that it was made with, or its kind's.
    pub fn oauth_code(&self) -> OAuthCode {
        self.0.oauth.unwrap_or_else(|| OAuthCode::of(self.0.kind))
    }

    /// What the caller is told.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The member of the request that is at fault.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// How to come in, where that is not the usual way.
    pub fn challenge(&self) -> Option<&str> {
        self.0.challenge.as_deref()
    }

    /// How long to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the log is told, the chain of causes in one line.
    pub fn cause(&self) -> Option<String> {
        let first = self.0.source.as_ref()?;
        let mut text = first.to_string();
        let mut next = first.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        Some(text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.detail)?;
        match self.cause() {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_ref()?;
        Some(&**source)
    }
}
