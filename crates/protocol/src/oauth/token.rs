//! Token requests (RFC 6749, 4.1.3, 4.4.2 and 6).

use tollgate_kernel::{Error, OAuthCode, PlainToken};

use super::params::missing;
use super::{Params, Verifier};

/// A way to get tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// With a code that a person's browser brought.
    AuthorizationCode,
    /// With a refresh token.
    RefreshToken,
    /// As the app itself.
    ClientCredentials,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    /// The name of the standard.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is presented for tokens. No `Debug`.
pub enum GrantRequest {
    /// A code.
    Code {
        /// The code.
        code: PlainToken,
        /// The redirect URI of the authorization request, if that had one.
        redirect_uri: Option<String>,
        /// The secret behind the challenge.
        verifier: Option<Verifier>,
    },
    /// A refresh token.
    Refresh(PlainToken),
    /// Nothing: the app itself is who asks.
    ClientCredentials,
}

impl GrantRequest {
    /// Which way it is.
    pub fn kind(&self) -> GrantType {
        match self {
            Self::Code { .. } => GrantType::AuthorizationCode,
            Self::Refresh(_) => GrantType::RefreshToken,
            Self::ClientCredentials => GrantType::ClientCredentials,
        }
    }
}

/// A token request, but for who sends it. No `Debug`.
pub struct TokenRequest {
    /// What is presented.
    pub grant: GrantRequest,
    /// The scopes, separated by spaces.
    pub scope: Option<String>,
    /// For whom the token is to be (RFC 8707).
    pub resource: Option<String>,
}

impl TokenRequest {
    /// Reads a token request. Parameters that are not known are left alone.
    pub fn parse(params: &Params) -> Result<Self, Error> {
        let secret = |name| params.secret(name).ok_or_else(|| missing(name));
        let kind = params.needed("grant_type")?;
        let grant = match GrantType::parse(kind) {
            Some(GrantType::AuthorizationCode) => GrantRequest::Code {
                code: secret("code")?,
                redirect_uri: params.text("redirect_uri").map(str::to_owned),
                verifier: Verifier::of(params)?,
            },
            Some(GrantType::RefreshToken) => GrantRequest::Refresh(secret("refresh_token")?),
            Some(GrantType::ClientCredentials) => GrantRequest::ClientCredentials,
            None => {
                let detail = format!("The grant type {kind:?} is not offered.");
                let error = Error::oauth(OAuthCode::UnsupportedGrantType, detail);
                return Err(error.with_param("grant_type"));
            }
        };
        let text = |name| params.text(name).map(str::to_owned);
        Ok(Self { grant, scope: text("scope"), resource: text("resource") })
    }
}
