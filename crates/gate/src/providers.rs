//! A sign-in provider from what its owner said and what is known of its kind.

use std::collections::BTreeMap;

use tollgate_kernel::{Error, Preset, ProviderKind};
use tollgate_store::ProviderRecord;
use url::Url;

use crate::{Endpoints, Fields, Provider, SealedSecret};

/// The endpoints of a provider, by their names in the API and the file.
pub const PROVIDER_ENDPOINTS: [&str; 5] = ["authorize", "token", "userinfo", "emails", "jwks"];

/// The members of UserInfo that are read, by what they mean.
pub const PROVIDER_FIELDS: [&str; 5] = ["subject", "email", "email_verified", "name", "locale"];

/// The longest client id, issuer, address or scope, in bytes.
const TEXT_MAX: usize = 1_024;
/// The longest name of a provider or of a member, in characters.
const NAME_MAX: usize = 100;
/// The most scopes.
const SCOPES_MAX: usize = 32;

impl Provider {
    /// The provider that `record` describes. What its owner did not say comes from its kind; an
    /// endpoint that neither names is left to discovery. A record that [`check_provider`] would
    /// refuse is an invalid request.
    pub fn of(record: &ProviderRecord) -> Result<Self, Error> {
        check_provider(record)?;
        let preset = record.kind.preset();
        let endpoint = |name: &str| {
            let text = endpoint(record, &preset, name);
            text.map(|text| web_url(text).ok_or_else(|| wrong_endpoint(name))).transpose()
        };
        let field = |name: &str, usual: &str| {
            record.fields.get(name).map_or_else(|| usual.to_owned(), Clone::clone)
        };
        let usual_scopes = || preset.scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Ok(Self {
            id: record.id.clone(),
            issuer: issuer(record).map(str::to_owned),
            client_id: record.client_id.clone(),
            client_secret: record
                .client_secret_sealed
                .clone()
                .map(|bytes| SealedSecret { bytes, version: record.version }),
            endpoints: Endpoints {
                authorize: endpoint("authorize")?,
                token: endpoint("token")?,
                userinfo: endpoint("userinfo")?,
                emails: endpoint("emails")?,
                jwks: endpoint("jwks")?,
            },
            fields: Fields {
                subject: field("subject", preset.subject),
                email: field("email", "email"),
                email_verified: field("email_verified", "email_verified"),
                name: field("name", "name"),
                locale: field("locale", "locale"),
            },
            scopes: record.scopes.clone().unwrap_or_else(usual_scopes),
            secret_in_form: record.secret_in_form.unwrap_or(preset.secret_in_form),
        })
    }
}

/// Where the secret of a provider goes: the issuer that is asked where, or the endpoint itself.
/// While this stays the same the secret may stay too.
pub fn secret_goes_to(record: &ProviderRecord) -> (Option<&str>, Option<&str>) {
    (issuer(record), endpoint(record, &record.kind.preset(), "token"))
}

/// Refuses a provider that could not be used; the error names the member at fault.
pub fn check_provider(record: &ProviderRecord) -> Result<(), Error> {
    let wrong = |param: &str, what: &'static str| Error::invalid(what).with_param(param);
    if record.name.as_ref().is_some_and(|name| !is_name(name)) {
        return Err(wrong("name", "A name has 1 to 100 characters and no control characters."));
    }
    if !is_visible(&record.client_id) {
        return Err(wrong("client_id", "A client id has 1 to 1024 visible ASCII characters."));
    }
    check_issuer(record)?;
    check_endpoints(record)?;
    for (name, member) in &record.fields {
        if !PROVIDER_FIELDS.contains(&name.as_str()) || !is_member(name, member) {
            let what = "Fields are subject, email, email_verified, name and locale, each with the \
                        name of a member of the profile; an empty name where it has none.";
            return Err(wrong("fields", what));
        }
    }
    let scopes = record.scopes.as_deref().unwrap_or_default();
    let sound = |scope: &String| is_visible(scope) && !scope.contains(['"', '\\']);
    if scopes.len() > SCOPES_MAX || !scopes.iter().all(sound) {
        let what = "Scopes are at most 32 words of visible ASCII characters (RFC 6749, 3.3).";
        return Err(wrong("scopes", what));
    }
    let asks = |name: &str| scopes.iter().any(|scope| scope == name);
    if record.scopes.is_some() && record.kind.has_issuer() && !asks("openid") {
        return Err(wrong("scopes", "Without the scope openid there is no ID token. Add it."));
    }
    Ok(())
}

fn check_issuer(record: &ProviderRecord) -> Result<(), Error> {
    let wrong = |what: &'static str| Err(Error::invalid(what).with_param("issuer"));
    if record.issuer.is_some() && !record.kind.has_issuer() {
        return wrong("A provider of this kind has no issuer. Leave it out, or use kind oidc.");
    }
    let Some(issuer) = issuer(record) else {
        if record.kind == ProviderKind::Oidc {
            return wrong("A provider of kind oidc is found by its issuer. Name it.");
        }
        return Ok(());
    };
    let url = web_url(issuer).filter(|url| url.query().is_none());
    if url.is_some() && issuer.len() <= TEXT_MAX {
        return Ok(());
    }
    wrong(
        "The issuer is an https address without query and fragment, written exactly as the \
         provider writes it. (http is for this machine alone.)",
    )
}

fn check_endpoints(record: &ProviderRecord) -> Result<(), Error> {
    for (name, text) in &record.endpoints {
        if !PROVIDER_ENDPOINTS.contains(&name.as_str()) {
            let what = "Endpoints are authorize, token, userinfo, emails and jwks.";
            return Err(Error::invalid(what).with_param(format!("endpoints.{name}")));
        }
        if web_url(text).is_none() || text.len() > TEXT_MAX {
            return Err(wrong_endpoint(name));
        }
    }
    let preset = record.kind.preset();
    if issuer(record).is_none() {
        for name in ["authorize", "token", "userinfo"] {
            if endpoint(record, &preset, name).is_none() {
                let what = "A provider without an issuer needs its endpoints authorize, token and \
                            userinfo.";
                return Err(Error::invalid(what).with_param(format!("endpoints.{name}")));
            }
        }
    }
    Ok(())
}

fn wrong_endpoint(name: &str) -> Error {
    let what =
        "An endpoint is an https address without fragment. (http is for this machine alone.)";
    Error::invalid(what).with_param(format!("endpoints.{name}"))
}

fn issuer(record: &ProviderRecord) -> Option<&str> {
    let usual = record.kind.preset().issuer;
    if record.kind.has_issuer() { record.issuer.as_deref().or(usual) } else { None }
}

fn endpoint<'a>(record: &'a ProviderRecord, preset: &Preset, name: &str) -> Option<&'a str> {
    // Another issuer is somebody else: nothing of the well-known one is to be mixed in.
    let is_usual = issuer(record) == preset.issuer;
    let usual = match name {
        "authorize" => preset.authorize,
        "token" => preset.token,
        "userinfo" => preset.userinfo,
        "emails" => preset.emails,
        "jwks" => preset.jwks,
        _ => None,
    };
    let usual = usual.filter(|_| is_usual);
    let own: &BTreeMap<String, String> = &record.endpoints;
    own.get(name).map(String::as_str).or(usual)
}

/// An address that secrets and people may be sent to: https, or http on this machine.
fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let here = match url.host()? {
        url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    let nobody = url.username().is_empty() && url.password().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
    (safe && nobody && url.fragment().is_none()).then_some(url)
}

fn is_visible(text: &str) -> bool {
    (1..=TEXT_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A provider may leave out everything but who it is.
fn is_member(name: &str, member: &str) -> bool {
    is_name(member) || (member.is_empty() && name != "subject")
}

fn is_name(text: &str) -> bool {
    let sound = !text.trim().is_empty() && !text.chars().any(char::is_control);
    sound && text.chars().count() <= NAME_MAX
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tollgate_kernel::Slug;

    use super::*;

    fn record(kind: ProviderKind) -> ProviderRecord {
        ProviderRecord::new(Slug::parse("there").unwrap(), kind, "us".to_owned())
    }

    fn fault(record: &ProviderRecord) -> Option<String> {
        Provider::of(record).err().map(|error| error.param().unwrap_or("?").to_owned())
    }

    #[test]
    fn well_known_providers_need_a_client_id_alone() {
        use ProviderKind::{Facebook, Github, Google, Microsoft};
        for kind in [Google, Github, Facebook, Microsoft] {
            assert_eq!(fault(&record(kind)), None, "{kind}");
        }
        let github = Provider::of(&record(Github)).unwrap();
        assert_eq!((github.issuer, github.fields.subject.as_str()), (None, "id"));
        assert!(github.secret_in_form && github.endpoints.jwks.is_none());
        let google = Provider::of(&record(Google)).unwrap();
        assert_eq!(google.issuer.as_deref(), Some("https://accounts.google.com"));
    }

    #[test]
    fn what_is_well_known_leaves_with_another_issuer() {
        let mut wish = record(ProviderKind::Google);
        wish.issuer = Some("https://id.example.com".to_owned());
        assert_eq!(Provider::of(&wish).unwrap().endpoints, Endpoints::default());
        assert_eq!(secret_goes_to(&wish), (Some("https://id.example.com"), None));
    }

    #[test]
    fn what_the_owner_says_goes_first() {
        let mut wish = record(ProviderKind::Github);
        wish.endpoints.insert("token".to_owned(), "http://127.0.0.1:9/token".to_owned());
        wish.fields.insert("subject".to_owned(), "node_id".to_owned());
        wish.scopes = Some(vec!["user".to_owned()]);
        wish.secret_in_form = Some(false);
        let made = Provider::of(&wish).unwrap();
        assert_eq!(made.endpoints.token.unwrap().as_str(), "http://127.0.0.1:9/token");
        assert_eq!(made.endpoints.authorize.unwrap().host_str(), Some("github.com"));
        assert_eq!((made.fields.subject.as_str(), made.scopes.len()), ("node_id", 1));
        assert!(!made.secret_in_form);
    }

    #[test]
    fn what_could_not_be_used_is_refused_by_its_member() {
        let with = |kind, change: &dyn Fn(&mut ProviderRecord)| {
            let mut wish = record(kind);
            change(&mut wish);
            fault(&wish)
        };
        let endpoint = |name: &'static str, text: &'static str| {
            move |wish: &mut ProviderRecord| {
                wish.endpoints.insert(name.to_owned(), text.to_owned());
            }
        };
        let (github, oidc) = (ProviderKind::Github, ProviderKind::Oidc);
        assert_eq!(fault(&record(oidc)).as_deref(), Some("issuer"));
        assert_eq!(fault(&record(ProviderKind::Oauth2)).as_deref(), Some("endpoints.authorize"));
        for text in ["http://id.example.com/t", "ftp://x/", "//x", "https://a@x/", "https://x/#f"] {
            let found = with(github, &endpoint("token", text));
            assert_eq!(found.as_deref(), Some("endpoints.token"), "{text}");
        }
        let found = with(github, &endpoint("logout", "https://x/"));
        assert_eq!(found.as_deref(), Some("endpoints.logout"));
        let issuer = |text: &'static str| {
            move |wish: &mut ProviderRecord| wish.issuer = Some(text.to_owned())
        };
        assert_eq!(with(github, &issuer("https://x")).as_deref(), Some("issuer"));
        for text in ["http://id.example.com", "https://x/?a", "id.example.com", ""] {
            assert_eq!(with(oidc, &issuer(text)).as_deref(), Some("issuer"), "{text}");
        }
        assert_eq!(with(oidc, &issuer("https://id.example.com/tenant/")), None);
        let scopes = |wish: &mut ProviderRecord| wish.scopes = Some(vec!["email".to_owned()]);
        assert_eq!(with(ProviderKind::Google, &scopes).as_deref(), Some("scopes"));
        let empty = |wish: &mut ProviderRecord| wish.client_id = String::new();
        assert_eq!(with(github, &empty).as_deref(), Some("client_id"));
    }
}
