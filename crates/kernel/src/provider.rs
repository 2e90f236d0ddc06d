//! Sign-in providers: what is known of each kind before the owner says anything.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// What a sign-in provider speaks, and which of the well-known ones it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// Google, by OpenID Connect.
    Google,
    /// GitHub, by OAuth 2.0.
    Github,
    /// Facebook, by OAuth 2.0.
    Facebook,
    /// Microsoft, by OpenID Connect; personal accounts unless the owner names a tenant's issuer.
    Microsoft,
    /// Any provider of OpenID Connect, by its issuer.
    Oidc,
    /// Any provider of OAuth 2.0, by its endpoints and the names of its members.
    Oauth2,
}

/// What a kind brings along; whatever the owner says goes before it.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What people call it; none where only the owner knows.
    pub name: Option<&'static str>,
    /// The issuer of its ID tokens; none where there are no ID tokens or the owner names it.
    pub issuer: Option<&'static str>,
    /// Where a browser is sent.
    pub authorize: Option<&'static str>,
    /// Where a code is exchanged.
    pub token: Option<&'static str>,
    /// Where it says who came.
    pub userinfo: Option<&'static str>,
    /// Where it lists their e-mail addresses.
    pub emails: Option<&'static str>,
    /// Where its keys are.
    pub jwks: Option<&'static str>,
    /// The member of UserInfo that never changes and is never given to somebody else.
    pub subject: &'static str,
    /// What is asked for.
    pub scopes: &'static [&'static str],
    /// Whether the client secret goes in the form (`client_secret_post`), else in the header.
    pub secret_in_form: bool,
}

/// Every provider that can be discovered.
const DISCOVERED: Preset = Preset {
    name: None,
    issuer: None,
    authorize: None,
    token: None,
    userinfo: None,
    emails: None,
    jwks: None,
    subject: "sub",
    scopes: &["openid", "email", "profile"],
    secret_in_form: false,
};

const GOOGLE: Preset = Preset {
    name: Some("Google"),
    issuer: Some("https://accounts.google.com"),
    // As its metadata says. They are at other origins than the issuer, where metadata alone is not
    // believed.
    authorize: Some("https://accounts.google.com/o/oauth2/v2/auth"),
    token: Some("https://oauth2.googleapis.com/token"),
    userinfo: Some("https://openidconnect.googleapis.com/v1/userinfo"),
    jwks: Some("https://www.googleapis.com/oauth2/v3/certs"),
    secret_in_form: true,
    ..DISCOVERED
};

const GITHUB: Preset = Preset {
    name: Some("GitHub"),
    authorize: Some("https://github.com/login/oauth/authorize"),
    token: Some("https://github.com/login/oauth/access_token"),
    userinfo: Some("https://api.github.com/user"),
    emails: Some("https://api.github.com/user/emails"),
    subject: "id",
    scopes: &["read:user", "user:email"],
    secret_in_form: true,
    ..DISCOVERED
};

const FACEBOOK: Preset = Preset {
    name: Some("Facebook"),
    authorize: Some("https://www.facebook.com/v24.0/dialog/oauth"),
    token: Some("https://graph.facebook.com/v24.0/oauth/access_token"),
    userinfo: Some("https://graph.facebook.com/v24.0/me?fields=id,name,email"),
    subject: "id",
    scopes: &["public_profile", "email"],
    secret_in_form: true,
    ..DISCOVERED
};

const MICROSOFT: Preset = Preset {
    name: Some("Microsoft"),
    // The tenant of personal accounts. The issuers `common` and `organizations` name no tenant, so
    // that nobody's tokens could be told from another tenant's.
    issuer: Some("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
    secret_in_form: true,
    ..DISCOVERED
};

const OAUTH2: Preset = Preset { scopes: &[], ..DISCOVERED };

impl ProviderKind {
    /// All kinds, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Google, Self::Github, Self::Facebook, Self::Microsoft, Self::Oidc, Self::Oauth2];

    /// The name in the store, the API and the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Github => "github",
            Self::Facebook => "facebook",
            Self::Microsoft => "microsoft",
            Self::Oidc => "oidc",
            Self::Oauth2 => "oauth2",
        }
    }

    /// What is known of it.
    pub const fn preset(self) -> Preset {
        match self {
            Self::Google => GOOGLE,
            Self::Github => GITHUB,
            Self::Facebook => FACEBOOK,
            Self::Microsoft => MICROSOFT,
            Self::Oidc => DISCOVERED,
            Self::Oauth2 => OAUTH2,
        }
    }

    /// Whether it has an issuer and ID tokens.
    pub const fn has_issuer(self) -> bool {
        matches!(self, Self::Google | Self::Microsoft | Self::Oidc)
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let what = "a kind is one of google, github, facebook, microsoft, oidc, oauth2";
            Error::invalid(what).with_param("kind")
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in ProviderKind::ALL {
            assert_eq!(kind.to_string().parse::<ProviderKind>().unwrap(), kind);
        }
        assert!("Google".parse::<ProviderKind>().is_err());
    }

    #[test]
    fn what_has_no_issuer_and_is_well_known_has_its_endpoints() {
        for kind in ProviderKind::ALL {
            let preset = kind.preset();
            assert_eq!(preset.issuer.is_some() || kind == ProviderKind::Oidc, kind.has_issuer());
            if preset.name.is_some() && !kind.has_issuer() {
                assert!(preset.authorize.is_some() && preset.token.is_some(), "{kind}");
                assert!(preset.userinfo.is_some(), "{kind}");
            }
            let all = [preset.issuer, preset.authorize, preset.token, preset.userinfo];
            assert!(all.iter().flatten().all(|url| url.starts_with("https://")), "{kind}");
        }
    }
}
