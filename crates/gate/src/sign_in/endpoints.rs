//! Where a provider is: what the owner has set, and the issuer's metadata for the rest.

use tollgate_kernel::Error;
use tollgate_protocol::sign_in::{Discovery, discovery_url};
use url::Url;

use super::{Endpoints, Provider, failed, faulty};
use crate::Gate;
use crate::fetch::{DocumentUrl, FetchTerms};

/// Where a provider is, all of it checked.
pub(super) struct Ways {
    pub(super) authorize: Url,
    pub(super) token: DocumentUrl,
    pub(super) userinfo: Option<DocumentUrl>,
    pub(super) emails: Option<DocumentUrl>,
    pub(super) jwks: Option<DocumentUrl>,
    /// Whether the metadata promises that answers name their issuer.
    pub(super) iss_promised: bool,
}

impl Gate {
    pub(super) async fn ways(&self, provider: &Provider) -> Result<Ways, Error> {
        let metadata = match &provider.issuer {
            Some(issuer) if provider.endpoints.needs_metadata() => {
                let document = self.fetcher.fetch(metadata_url(provider, issuer)?, TERMS).await;
                let document = document.map_err(|fault| faulty(provider, fault))?;
                Some(read_metadata(provider, issuer, &document.body)?)
            }
            _ => None,
        };
        ways(provider, metadata.as_ref())
    }
}

/// On which terms metadata and keys are fetched.
pub(super) const TERMS: FetchTerms = FetchTerms::METADATA;

impl Endpoints {
    /// Whether the issuer has to be asked for what the owner has not set.
    pub(super) fn needs_metadata(&self) -> bool {
        self.authorize.is_none() || self.token.is_none() || self.jwks.is_none()
    }
}

/// Where the metadata of `issuer` is.
pub(super) fn metadata_url(provider: &Provider, issuer: &str) -> Result<DocumentUrl, Error> {
    let odd = "has an issuer that is not an https:// address. The owner has to correct it.";
    let url = Url::parse(&discovery_url(issuer)).map_err(|_| failed(provider, odd))?;
    DocumentUrl::of_owner(&url).map_err(|error| failed(provider, odd).with_source(error))
}

/// The metadata, if it is that issuer's.
pub(super) fn read_metadata(
    provider: &Provider,
    issuer: &str,
    body: &[u8],
) -> Result<Discovery, Error> {
    Discovery::parse(body, issuer).map_err(|error| {
        let what = "publishes metadata that is malformed or another issuer's. The owner has to \
                    check the issuer, letter by letter.";
        failed(provider, what).with_source(error)
    })
}

/// Which endpoint, for words and findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Authorize,
    Token,
    Userinfo,
    Jwks,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Authorize, Self::Token, Self::Userinfo, Self::Jwks];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Jwks => "jwks",
        }
    }
}

/// Where a part of a provider is.
pub(super) enum Place {
    /// There.
    At(DocumentUrl),
    /// Nobody says.
    Unknown,
    /// The metadata names another origin than the issuer's: a stranger's token endpoint behind the
    /// real sign-in page would get code, proof key and secret. The owner may set it.
    Elsewhere(String),
    /// That is no address to speak to.
    Odd(Error),
}

/// Where `part` is.
pub(super) fn place(provider: &Provider, metadata: Option<&Discovery>, part: Part) -> Place {
    let Endpoints { authorize, token, userinfo, emails: _, jwks } = &provider.endpoints;
    let (set, published) = match part {
        Part::Authorize => (authorize, metadata.and_then(|it| it.authorization_endpoint.as_ref())),
        Part::Token => (token, metadata.and_then(|it| it.token_endpoint.as_ref())),
        Part::Userinfo => (userinfo, metadata.and_then(|it| it.userinfo_endpoint.as_ref())),
        Part::Jwks => (jwks, metadata.and_then(|it| it.jwks_uri.as_ref())),
    };
    let url = match (set, published) {
        (Some(url), _) => url.clone(),
        (None, None) => return Place::Unknown,
        (None, Some(text)) => {
            let issuer = provider.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
            match Url::parse(text) {
                Ok(url) if issuer.is_some_and(|issuer| issuer.origin() == url.origin()) => url,
                Ok(url) => return Place::Elsewhere(url.origin().ascii_serialization()),
                Err(error) => return Place::Odd(Error::invalid("no URL").with_source(error)),
            }
        }
    };
    DocumentUrl::of_owner(&url).map_or_else(Place::Odd, Place::At)
}

fn ways(provider: &Provider, metadata: Option<&Discovery>) -> Result<Ways, Error> {
    let needed = |part: Part| match place(provider, metadata, part) {
        Place::At(url) => Ok(url),
        Place::Unknown => {
            let what = format!("names no {} endpoint. The owner has to set it.", part.as_str());
            Err(failed(provider, &what))
        }
        Place::Elsewhere(origin) => {
            let part = part.as_str();
            let what = format!("names a {part} endpoint elsewhere. The owner has to confirm it.");
            Err(failed(provider, &what).with_source(format!("{part} is at {origin}")))
        }
        Place::Odd(error) => {
            let what = format!("has an odd {} endpoint. The owner has to set it.", part.as_str());
            Err(failed(provider, &what).with_source(error))
        }
    };
    let jwks = match provider.issuer {
        Some(_) => Some(needed(Part::Jwks)?),
        None => None,
    };
    let userinfo = match (&provider.issuer, place(provider, metadata, Part::Userinfo)) {
        (_, Place::At(url)) => Some(url),
        // The ID token says who came: the profile would only add to it.
        (Some(_), _) => None,
        (None, _) => Some(needed(Part::Userinfo)?),
    };
    let emails = provider.endpoints.emails.as_ref().map(DocumentUrl::of_owner).transpose();
    let odd = |error| failed(provider, "has an odd emails endpoint.").with_source(error);
    Ok(Ways {
        authorize: needed(Part::Authorize)?.url().clone(),
        token: needed(Part::Token)?,
        userinfo,
        emails: emails.map_err(odd)?,
        jwks,
        iss_promised: metadata.is_some_and(|it| it.authorization_response_iss_parameter_supported),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;
    use tollgate_kernel::{ProviderKind, Slug};
    use tollgate_store::ProviderRecord;

    use super::*;

    /// The ways of a provider that is described by its kind alone, with the metadata that it
    /// published in 2026, as far as it is read.
    fn ways_of(kind: ProviderKind, metadata: &serde_json::Value) -> Ways {
        let id = Slug::parse(kind.as_str()).unwrap();
        let provider = Provider::of(&ProviderRecord::new(id, kind, "us".to_owned())).unwrap();
        let issuer = provider.issuer.clone().unwrap();
        let metadata = read_metadata(&provider, &issuer, metadata.to_string().as_bytes()).unwrap();
        let needed = provider.endpoints.needs_metadata().then_some(&metadata);
        ways(&provider, needed).unwrap()
    }

    #[test]
    fn google_needs_nothing_beside_id_and_secret() {
        let metadata = json!({
            "issuer": "https://accounts.google.com",
            "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
            "token_endpoint": "https://oauth2.googleapis.com/token",
            "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
            "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        });
        let ways = ways_of(ProviderKind::Google, &metadata);
        assert_eq!(ways.authorize.as_str(), metadata["authorization_endpoint"]);
        assert_eq!(ways.token.url().as_str(), metadata["token_endpoint"]);
        assert_eq!(ways.userinfo.unwrap().url().as_str(), metadata["userinfo_endpoint"]);
        assert_eq!(ways.jwks.unwrap().url().as_str(), metadata["jwks_uri"]);
    }

    #[test]
    fn microsoft_needs_nothing_beside_id_and_secret() {
        let tenant = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad";
        let metadata = json!({
            "issuer": format!("{tenant}/v2.0"),
            "authorization_endpoint": format!("{tenant}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{tenant}/oauth2/v2.0/token"),
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "jwks_uri": format!("{tenant}/discovery/v2.0/keys"),
        });
        let ways = ways_of(ProviderKind::Microsoft, &metadata);
        assert_eq!(ways.token.url().as_str(), metadata["token_endpoint"]);
        assert_eq!(ways.jwks.unwrap().url().as_str(), metadata["jwks_uri"]);
        assert!(ways.userinfo.is_none(), "elsewhere, and not needed");
    }
}
