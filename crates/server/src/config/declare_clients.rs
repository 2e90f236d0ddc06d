//! The apps that the file declares.

use tollgate_kernel::Scope;
use tollgate_protocol::oauth::{GrantType, RedirectUri};
use tollgate_store::{AuthMethod, ClientKind, OAuthMembers};

use super::ClientDecl;
use super::check::{Checker, is_loopback, web_url};
use super::raw::RawClient;

/// The longest life of an access token, in seconds.
const ACCESS_MAX_S: u32 = 3_600;
/// The longest life of what a person allowed, in seconds: a year.
const REFRESH_MAX_S: u32 = 365 * 86_400;

impl Checker<'_> {
    pub(super) fn clients(&mut self, raw: &[RawClient]) -> Vec<ClientDecl> {
        self.no_name_twice("client", "id", raw.iter().map(|client| &client.id));
        let all = raw.iter().enumerate();
        all.filter_map(|(at, client)| self.client(&format!("client[{at}]"), client)).collect()
    }

    fn client(&mut self, path: &str, raw: &RawClient) -> Option<ClientDecl> {
        let id = self.slug(&format!("{path}.id"), &raw.id);
        let plan = self.optional_slug(&format!("{path}.plan"), &raw.plan);
        let kind = self.parsed(&format!("{path}.type"), &raw.kind, str::parse::<ClientKind>);
        let secret_path = format!("{path}.client_secret");
        let client_secret = self.optional_secret(&secret_path, raw.client_secret.as_ref());
        let oauth = self.members(path, raw);
        let (id, kind) = (id?, kind?);
        if kind == ClientKind::Public && raw.client_secret.is_some() {
            self.fault(&secret_path, "a public app has no secret: it could not keep it");
        }
        if let Err(error) = oauth.check(kind) {
            let param = error.param().unwrap_or("type").to_owned();
            self.fault(&format!("{path}.{param}"), error.detail());
        }
        let name = raw.name.clone().unwrap_or_else(|| id.to_string());
        Some(ClientDecl { id, name, plan, kind, client_secret, oauth })
    }

    fn members(&mut self, path: &str, raw: &RawClient) -> OAuthMembers {
        let usual = OAuthMembers::default();
        let method = raw.auth_method.as_ref().map(|method| {
            self.parsed(&format!("{path}.auth_method"), method, |text| match text {
                "none" => Ok(AuthMethod::None),
                "client_secret_basic" => Ok(AuthMethod::Basic),
                "client_secret_post" => Ok(AuthMethod::Post),
                _ => Err("should be client_secret_basic or client_secret_post"),
            })
        });
        let grant = |text: &str| {
            GrantType::parse(text).map(|_| ()).ok_or("is not a grant type that is offered here")
        };
        let scope =
            |text: &str| Scope::parse(text).map(|_| ()).map_err(|it| it.detail().to_owned());
        self.each(path, "grants", raw.grants.as_deref().unwrap_or_default(), grant);
        self.each(path, "scopes", raw.scopes.as_deref().unwrap_or_default(), scope);
        self.each(path, "origins", &raw.origins, |text| match RedirectUri::source(text) {
            same if same == text => Ok(()),
            _ => Err("is not an origin like https://app.example.com"),
        });
        OAuthMembers {
            auth_method: method.flatten(),
            redirect_uris: self.addresses(path, "redirect_uris", &raw.redirect_uris),
            post_logout_redirect_uris: self.addresses(
                path,
                "post_logout_redirect_uris",
                &raw.post_logout_redirect_uris,
            ),
            grants: raw.grants.clone(),
            scopes: raw.scopes.clone(),
            resources: raw.resources.clone(),
            origins: raw.origins.clone(),
            legacy: raw.legacy,
            user_header: raw.user_header,
            access_token_s: self
                .life(path, "access_token_s", raw.access_token_s, ACCESS_MAX_S)
                .unwrap_or(usual.access_token_s),
            refresh_token_s: self
                .life(path, "refresh_token_s", raw.refresh_token_s, REFRESH_MAX_S)
                .unwrap_or(usual.refresh_token_s),
        }
    }

    /// Checks each text of a list.
    fn each<E: std::fmt::Display>(
        &mut self,
        path: &str,
        name: &str,
        list: &[String],
        check: impl Fn(&str) -> Result<(), E>,
    ) {
        for (at, text) in list.iter().enumerate() {
            self.parsed(&format!("{path}.{name}[{at}]"), text, &check);
        }
    }

    /// Addresses that browsers are sent to, kept as they stand: they are compared byte for byte.
    fn addresses(&mut self, path: &str, name: &str, list: &[String]) -> Vec<String> {
        let read = list.iter().enumerate().filter_map(|(at, text)| {
            let path = format!("{path}.{name}[{at}]");
            self.parsed(&path, text, |text| match web_url(text)? {
                url if url.fragment().is_some() => Err("should have no fragment (RFC 6749, 3.1.2)"),
                url if url.scheme() == "http" && !is_loopback(&url) => Err("should be https"),
                _ => Ok(()),
            })?;
            self.parsed(&path, text, |text| {
                RedirectUri::parse(text)
                    .map(|uri| uri.as_str().to_owned())
                    .map_err(|error| error.detail().to_owned())
            })
        });
        read.collect()
    }

    fn life(&mut self, path: &str, name: &str, life_s: Option<u32>, most: u32) -> Option<u32> {
        if life_s.is_some_and(|life_s| !(1..=most).contains(&life_s)) {
            self.fault(&format!("{path}.{name}"), format!("is from 1 to {most} seconds"));
        }
        life_s
    }
}
