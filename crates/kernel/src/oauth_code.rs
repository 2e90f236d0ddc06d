//! The error codes of OAuth 2.0 and OpenID Connect: a closed set.

use crate::{Blame, Kind};

/// An error code of OAuth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OAuthCode {
    /// A parameter is missing, malformed or there twice (RFC 6749, 4.1.2.1 and 5.2).
    InvalidRequest,
    /// The client is unknown, or did not prove that it is the one (RFC 6749, 5.2).
    InvalidClient,
    /// The code or refresh token does not count, or not for this request (RFC 6749, 5.2).
    InvalidGrant,
    /// This client may not ask in this way (RFC 6749, 5.2).
    UnauthorizedClient,
    /// The grant type is none of ours (RFC 6749, 5.2).
    UnsupportedGrantType,
    /// The response type is none of ours (RFC 6749, 4.1.2.1).
    UnsupportedResponseType,
    /// Tokens of this type cannot be revoked (RFC 7009, 2.2.1).
    UnsupportedTokenType,
    /// The scope is malformed, or more than may be had (RFC 6749, 5.2).
    InvalidScope,
    /// The resource is unknown, or not what was granted (RFC 8707, 2).
    InvalidTarget,
    /// The access token does not count (RFC 6750, 3.1).
    InvalidToken,
    /// The access token does not allow this (RFC 6750, 3.1).
    InsufficientScope,
    /// The person said no (RFC 6749, 4.1.2.1).
    AccessDenied,
    /// Somebody has to sign in first (OpenID Connect Core, 3.1.2.6).
    LoginRequired,
    /// Somebody has to consent first (OpenID Connect Core, 3.1.2.6).
    ConsentRequired,
    /// `request` is not taken (OpenID Connect Core, 3.1.2.6).
    RequestNotSupported,
    /// `request_uri` is not taken (OpenID Connect Core, 3.1.2.6).
    RequestUriNotSupported,
    /// A fault of ours (RFC 6749, 4.1.2.1).
    ServerError,
    /// Something of ours is away for the moment (RFC 6749, 4.1.2.1).
    TemporarilyUnavailable,
}

impl OAuthCode {
    /// All codes, for tables and snapshots.
    pub const ALL: [Self; 18] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::UnsupportedTokenType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::AccessDenied,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::ServerError,
        Self::TemporarilyUnavailable,
    ];

    /// The code as it is written in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    /// The kind of error that has this code. A fault of ours is none of a client.
    pub const fn kind(self) -> Kind {
        match self {
            Self::InvalidClient | Self::InvalidToken => Kind::Unauthenticated,
            Self::InsufficientScope => Kind::Forbidden,
            Self::ServerError => Kind::Internal,
            Self::TemporarilyUnavailable => Kind::Unavailable,
            Self::InvalidRequest
            | Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::UnsupportedResponseType
            | Self::UnsupportedTokenType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::AccessDenied
            | Self::LoginRequired
            | Self::ConsentRequired
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported => Kind::InvalidRequest,
        }
    }

    /// The code of an error that was made without one.
    pub(crate) const fn of(kind: Kind) -> Self {
        match (kind, kind.blame()) {
            (Kind::Unauthenticated, _) => Self::InvalidClient,
            (Kind::Forbidden | Kind::CrossSite, _) => Self::AccessDenied,
            (Kind::RateLimited, _) => Self::TemporarilyUnavailable,
            (Kind::Internal, _) => Self::ServerError,
            (_, Blame::Caller) => Self::InvalidRequest,
            (_, Blame::Upstream | Blame::Us) => Self::TemporarilyUnavailable,
        }
    }
}
