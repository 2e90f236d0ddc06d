//! What was found at a tool, as its owner is shown it: what they say yes to is known by a hash of
//! just that.

use tollgate_protocol::plugin_host::{Auth, BodyForm, Manifest, OAuth, Scheme};
use tollgate_vault::Vault;
use url::Url;

use super::Facts;
use super::find::hex;

/// Something that a tool says differently from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which part, by its name in the API.
    pub what: &'static str,
    /// What was known; empty where there was nothing.
    pub before: String,
    /// What it says now.
    pub now: String,
}

impl Facts {
    /// The hash of all that was found, as 64 hexadecimal digits. What the owner said of the tool is
    /// no part of it.
    pub fn hash(&self) -> String {
        let mut text = String::new();
        for (what, said) in self.told() {
            // With its length: what one part says cannot pass for the beginning of the next.
            text.push_str(&format!("{what} {}\n{said}\n", said.len()));
        }
        hex(&Vault::sha256(text.as_bytes()))
    }

    /// What `now` says differently.
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let pairs = self.told().into_iter().zip(now.told());
        let changes = pairs.filter(|((_, before), (_, now))| before != now);
        changes.map(|((what, before), (_, now))| Change { what, before, now }).collect()
    }

    /// Whether `now` may lead people, calls or credentials elsewhere than this does: that is not to
    /// happen behind the owner's back.
    pub(super) fn leads_elsewhere(&self, now: &Self) -> bool {
        let pinned = |facts: &Self| {
            let Self { root, manifest, api_base, .. } = facts.clone();
            (manifest.auth, manifest.api_url, api_base, root)
        };
        pinned(self) != pinned(now)
    }

    /// All that was found, part by part, each as text; the same parts in the same order for every
    /// tool. What is not here changes nothing for anybody.
    fn told(&self) -> Vec<(&'static str, String)> {
        let Manifest { name_for_model, name_for_human, .. } = &self.manifest;
        let Manifest { description_for_model, description_for_human, .. } = &self.manifest;
        let Manifest { auth, api_url, logo_url, contact, legal, .. } = &self.manifest;
        let (scheme, mut all) = (self.scheme().map(named), Vec::with_capacity(24));
        all.extend([
            ("manifest_url", self.manifest_url.clone()),
            ("domain", self.root.host().to_owned()),
            ("name", name_for_human.clone()),
            ("name_for_model", name_for_model.clone()),
            ("description", description_for_human.clone()),
            ("description_for_model", description_for_model.clone()),
            ("auth", auth.name().to_owned()),
            ("header", scheme.unwrap_or_default()),
            ("verification", if auth.is_verified() { "token" } else { "" }.to_owned()),
        ]);
        all.extend(oauth(auth));
        all.extend([
            ("hosts", self.other_hosts().join(" ")),
            ("api_url", self.api_base.clone()),
            ("openapi_url", api_url.clone()),
            ("openapi_hash", self.spec_hash.clone()),
            ("paths", self.paths.to_string()),
            ("logo_url", logo_url.clone().unwrap_or_default()),
            ("contact", contact.clone()),
            ("legal", legal.clone()),
        ]);
        all
    }

    /// The hosts that the tool itself names for its sign-in, on other domains.
    fn other_hosts(&self) -> Vec<String> {
        let Auth::OAuth(oauth) = &self.manifest.auth else { return Vec::new() };
        let OAuth { client_url, authorization_url, token_url, .. } = oauth;
        let named = [client_url, authorization_url, token_url].into_iter().flatten();
        let urls = named.filter_map(|url| Url::parse(url).ok());
        let others = urls.filter(|url| !self.root.is_site_of(url));
        let mut hosts: Vec<_> =
            others.filter_map(|url| url.host_str().map(str::to_owned)).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

/// What is said of the sign-in; empty where there is none.
fn oauth(auth: &Auth) -> [(&'static str, String); 7] {
    let oauth = match auth {
        Auth::OAuth(oauth) => Some(oauth),
        _ => None,
    };
    let url = |read: fn(&OAuth) -> &Option<String>| oauth.and_then(|it| read(it).clone());
    let body = oauth.map(|it| match it.body {
        BodyForm::Json => "json",
        BodyForm::Form => "form",
    });
    let secret = oauth.map(|it| if it.basic { "header" } else { "body" });
    let ambiguous = oauth.map(|it| if it.is_ambiguous { "unclear" } else { "" });
    let said = |text: Option<&str>| text.unwrap_or_default().to_owned();
    [
        ("client_url", url(|it| &it.client_url).unwrap_or_default()),
        ("authorization_url", url(|it| &it.authorization_url).unwrap_or_default()),
        ("token_url", url(|it| &it.token_url).unwrap_or_default()),
        ("which_address", said(ambiguous)),
        ("scope", said(oauth.map(|it| it.scope.as_str()))),
        ("content_type", said(body)),
        ("client_secret", said(secret)),
    ]
}

/// How a token is sent, by name.
pub(super) fn named(scheme: &Scheme) -> String {
    match scheme {
        Scheme::Bearer => "bearer".to_owned(),
        Scheme::Basic => "basic".to_owned(),
        Scheme::Header(name) => format!("header {name}"),
    }
}
