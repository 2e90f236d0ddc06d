//! What an app says of itself as a client of the authorization server (RFC 7591, 2).

use serde::{Deserialize, Serialize};
use tollgate_kernel::{Error, Scope};

use crate::ClientKind;
use crate::sql::Row;

/// How long an access token lasts where nothing is said, in seconds.
const ACCESS_TOKEN_S: u32 = 300;
/// How long a grant lasts where nothing is said, in seconds: 90 days.
const REFRESH_TOKEN_S: u32 = 90 * 86_400;

/// The grant type of an app that acts for itself (RFC 6749, 4.4).
const CLIENT_CREDENTIALS: &str = "client_credentials";

/// How an app shows that it is the one (RFC 7591, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthMethod {
    /// Not at all.
    #[serde(rename = "none")]
    None,
    /// By HTTP Basic.
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// In the body.
    #[serde(rename = "client_secret_post")]
    Post,
}

/// The OAuth members of an app, as they are stored: what is missing is as it is by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OAuthMembers {
    /// How it shows that it is the one; basic or post for an app with a secret, where none is
    /// said.
    pub auth_method: Option<AuthMethod>,
    /// Where it may be sent back to after a sign-in.
    pub redirect_uris: Vec<String>,
    /// Where it may be sent back to after a sign-out.
    pub post_logout_redirect_uris: Vec<String>,
    /// The grant types that it may use; all that its type can, where none are said.
    pub grants: Option<Vec<String>>,
    /// The scopes that it may have; all but management, where none are said.
    pub scopes: Option<Vec<String>>,
    /// The addresses that its tokens may be for, the first one where it asks for none; any known
    /// one, and the models door, where none are said.
    pub resources: Vec<String>,
    /// The origins of its pages.
    pub origins: Vec<String>,
    /// Whether it may come without PKCE and with JSON bodies.
    pub legacy: bool,
    /// Whether it may name its people in a header.
    pub user_header: bool,
    /// How long an access token lasts, in seconds.
    pub access_token_s: u32,
    /// How long a grant lasts, however often it is refreshed, in seconds.
    pub refresh_token_s: u32,
}

impl Default for OAuthMembers {
    fn default() -> Self {
        Self {
            auth_method: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grants: None,
            scopes: None,
            resources: Vec::new(),
            origins: Vec::new(),
            legacy: false,
            user_header: false,
            access_token_s: ACCESS_TOKEN_S,
            refresh_token_s: REFRESH_TOKEN_S,
        }
    }
}

impl OAuthMembers {
    /// Refuses what an app of this type cannot have; the error names the member.
    pub fn check(&self, kind: ClientKind) -> Result<(), Error> {
        let refused = |param: &str, what: &'static str| Err(Error::invalid(what).with_param(param));
        match (kind, self.auth_method) {
            (ClientKind::Public, Some(AuthMethod::Basic | AuthMethod::Post)) => {
                refused("auth_method", "A public app has no secret: its auth_method is none.")
            }
            (ClientKind::Confidential, Some(AuthMethod::None)) => refused(
                "auth_method",
                "A confidential app shows its secret: leave auth_method out.",
            ),
            (ClientKind::Public, _) if self.legacy => {
                refused("legacy", "Only a confidential app may come without PKCE.")
            }
            (ClientKind::Public, _) if self.user_header => {
                refused("user_header", "Only a confidential app may name its people.")
            }
            (ClientKind::Public, _)
                if self.grants.iter().flatten().any(|grant| grant == CLIENT_CREDENTIALS) =>
            {
                refused("grants", "A public app gets no token for itself.")
            }
            _ => Ok(()),
        }
    }

    /// Whether the app may have `scope`, where the resource knows it.
    pub fn may_have(&self, scope: &str) -> bool {
        match &self.scopes {
            Some(list) => list.iter().any(|listed| listed == scope),
            None => scope != Scope::MANAGE,
        }
    }

    /// The members in the column `oauth` of an app's row.
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        row.json("oauth")
    }
}
