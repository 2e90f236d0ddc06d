//! A new tool or a change of one: read, checked, and made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::said;
use tollgate_gate::is_loopback;
use tollgate_kernel::{Error, Scope, Slug};
use tollgate_protocol::tool::{OpenApi, TextField, check_service, check_text};
use tollgate_store::{HttpScheme, TokenBody, ToolAuth, ToolManifest, ToolRecord, ToolState};
use url::Url;

use super::let_in::{Kept, UpstreamAuthBody, let_in};
use super::tools::needed;
use crate::place::Places;

/// The longest address, in bytes.
const LONGEST_URL: usize = 2_000;
/// The longest time that a tool may be silent, in milliseconds: an hour.
const LONGEST_MS: u64 = 3_600_000;
/// The most services that something is published for.
const MOST_SERVICES: usize = 64;
/// The longest scope, in bytes.
const LONGEST_SCOPE: usize = 2_000;

/// A new tool, or a change of one. What a change leaves out stays.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolChange {
    /// Its name; needed for a new one, fixed from then on.
    #[schemars(with = "Option<String>")]
    pub id: Option<Slug>,
    /// The host name of its own, in lower case and without a port; `null` is none.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub host: Option<Option<String>>,
    /// The path of its own, or `/` for the root of this origin; `null` is `/tools/{id}`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub path: Option<Option<String>>,
    /// Where its API is; the paths of calls are put behind it. Needed for a new one. A change of
    /// the host needs the secret again.
    pub upstream_url: Option<String>,
    /// What we send there to be let in; `null` is nothing.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<UpstreamAuthBody>")]
    pub upstream_auth: Option<Option<UpstreamAuthBody>>,
    /// Where its OpenAPI document is fetched from; takes the place of `openapi`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub openapi_url: Option<Option<String>>,
    /// Its OpenAPI document, 3.0 or 3.1, in JSON or YAML; takes the place of `openapi_url`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub openapi: Option<Option<String>>,
    /// How callers say who they are; `none` for a new one that says nothing.
    pub auth: Option<AuthBody>,
    /// What its manifest says; a text that is empty is made from what is known.
    pub manifest: Option<ManifestChange>,
    /// What services look for in its manifest, by the service's name: all of it.
    pub verification_tokens: Option<BTreeMap<String, String>>,
    /// How long its API may be silent.
    pub timeouts: Option<TimeoutsChange>,
    /// `active`, or `disabled`: then it is not there for anybody.
    #[schemars(extend("enum" = ["active", "disabled"]))]
    pub state: Option<String>,
}

/// How callers say who they are.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthBody {
    /// The mode.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["none", "service_http", "user_http", "oauth"]))]
    pub(crate) kind: String,
    /// `bearer` unless said, for `service_http` and `user_http`.
    #[serde(default)]
    #[schemars(extend("enum" = ["bearer", "basic", null]))]
    pub(crate) authorization_type: Option<String>,
    /// The scopes that a token needs, with spaces between them, for `oauth`; may be empty.
    #[serde(default)]
    pub(crate) scope: Option<String>,
    /// The form of token requests that the manifest asks for; JSON unless said. Both are taken.
    #[serde(default)]
    #[schemars(extend("enum" = ["application/json", "application/x-www-form-urlencoded", null]))]
    pub(crate) authorization_content_type: Option<String>,
}

/// A change of what a manifest says. What is left out stays; an empty text is made from what is
/// known.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManifestChange {
    /// Its name for people: at most 20 characters.
    #[schemars(length(max = 20))]
    pub(crate) name_for_human: Option<String>,
    /// Its name for models: at most 50 letters, digits and underscores.
    #[schemars(length(max = 50))]
    pub(crate) name_for_model: Option<String>,
    /// What it is for, for people: at most 100 characters.
    #[schemars(length(max = 100))]
    pub(crate) description_for_human: Option<String>,
    /// What it is for, and when to use it, for models: at most 8,000 characters.
    #[schemars(length(max = 8_000))]
    pub(crate) description_for_model: Option<String>,
    /// Where to ask for help.
    pub(crate) contact_email: Option<String>,
    /// Its legal page: an address, or a path of the tool, which anybody may then read.
    pub(crate) legal_info_url: Option<String>,
    /// Its picture: an address, or a path of the tool, which anybody may then see; no GIF.
    pub(crate) logo_url: Option<String>,
}

/// A change of time-outs: what is left out stays, `null` is the usual.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsChange {
    /// Until the answer starts, in milliseconds; 45 seconds unless said.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u64>", range(min = 1, max = LONGEST_MS))]
    first_byte_ms: Option<Option<u64>>,
    /// Between two pieces of an answer, in milliseconds.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u64>", range(min = 1, max = LONGEST_MS))]
    silence_ms: Option<Option<u64>>,
}

impl ToolChange {
    /// Checks a change that makes a tool, for an installation at `public_url`. The error names the
    /// member at fault.
    pub fn check(&self, public_url: &Url, secrets_in_the_clear: bool) -> Result<(), Error> {
        let id = needed(self.id.clone(), "id")?;
        let upstream_url = needed(self.upstream_url.clone(), "upstream_url")?;
        let mut tool = ToolRecord::new(id, upstream_url, ToolAuth::None);
        let places = Places::new(public_url, false);
        self.clone().apply(&places, secrets_in_the_clear, &mut tool).map(drop)
    }

    /// Makes the change, but for our secret at the API. Errors name the member at fault.
    pub(crate) fn apply(
        self,
        places: &Places,
        secrets_in_the_clear: bool,
        tool: &mut ToolRecord,
    ) -> Result<Kept, Error> {
        let Self { id: _, host, path, upstream_url, upstream_auth, .. } = self;
        if let Some(host) = host {
            tool.host = host.map(|host| places.checked_host(&host)).transpose()?;
        }
        if let Some(path) = path {
            let checked = path.map(|path| Places::checked_path(&path, tool.id.as_str()));
            tool.path = checked.transpose()?;
        }
        let moved = match upstream_url {
            Some(text) => move_to(tool, &checked_upstream(&text, places)?),
            None => false,
        };
        let kept = let_in(tool, upstream_auth, moved, secrets_in_the_clear)?;
        describe(tool, self.openapi_url, self.openapi)?;
        if let Some(auth) = self.auth {
            tool.auth = auth.checked()?;
        }
        if let Some(manifest) = self.manifest {
            manifest.apply(&mut tool.manifest)?;
        }
        if let Some(tokens) = self.verification_tokens {
            tool.verification_tokens = checked_tokens(tokens)?;
        }
        if let Some(timeouts) = self.timeouts {
            timeouts.apply(&mut tool.timeouts)?;
        }
        if let Some(text) = self.state {
            tool.state = text.parse::<ToolState>()?;
        }
        Ok(kept)
    }
}

/// Moves the API to another address. Whether that is another host.
fn move_to(tool: &mut ToolRecord, url: &Url) -> bool {
    let before = Url::parse(&tool.upstream_url);
    tool.upstream_url = url.as_str().trim_end_matches('/').to_owned();
    before.is_ok_and(|before| before.origin() != url.origin())
}

/// Where the API is: not at ourselves, or a call would come back for ever.
fn checked_upstream(text: &str, places: &Places) -> Result<Url, Error> {
    let url = checked_url(text, "upstream_url")?;
    let here = Url::parse(places.origin()).is_ok_and(|here| here.origin() == url.origin());
    if here {
        let what = "This is the address of this server itself. Name that of the API.";
        return Err(Error::invalid(what).with_param("upstream_url"));
    }
    if url.query().is_some() {
        let what = "The address of the API has no query.";
        return Err(Error::invalid(what).with_param("upstream_url"));
    }
    Ok(url)
}

fn checked_url(text: &str, param: &'static str) -> Result<Url, Error> {
    let wrong = || {
        let what = "This is not an address that begins with https:// or http://, names a host, and \
                    has no user name and no fragment.";
        Error::invalid(what).with_param(param)
    };
    let text = text.trim();
    let plain =
        text.len() <= LONGEST_URL && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let url = Url::parse(text).map_err(|_| wrong())?;
    let web = matches!(url.scheme(), "https" | "http") && url.host().is_some();
    let nobody = url.username().is_empty() && url.password().is_none();
    if plain && web && nobody && url.fragment().is_none() { Ok(url) } else { Err(wrong()) }
}

/// Sets the OpenAPI document: one of the two ways takes the place of the other.
fn describe(
    tool: &mut ToolRecord,
    url: Option<Option<String>>,
    text: Option<Option<String>>,
) -> Result<(), Error> {
    if matches!((&url, &text), (Some(Some(_)), Some(Some(_)))) {
        let what = "The OpenAPI document is given or fetched: send openapi or openapi_url.";
        return Err(Error::invalid(what).with_param("openapi_url"));
    }
    if let Some(url) = url {
        tool.openapi_url = url.map(|url| fetchable(&url)).transpose()?;
        if tool.openapi_url.is_some() {
            tool.openapi = None;
        }
    }
    if let Some(text) = text {
        if let Some(text) = &text {
            OpenApi::parse(text.as_bytes()).map_err(|error| error.with_param("openapi"))?;
            tool.openapi_url = None;
        }
        tool.openapi = text;
    }
    Ok(())
}

/// An address that the guarded fetcher goes to for an owner.
fn fetchable(text: &str) -> Result<String, Error> {
    let url = checked_url(text, "openapi_url")?;
    if url.scheme() == "https" || is_loopback(&url) {
        return Ok(url.into());
    }
    let what = "A document is fetched by https, or on this machine. Or send it as openapi.";
    Err(Error::invalid(what).with_param("openapi_url"))
}

impl AuthBody {
    fn checked(self) -> Result<ToolAuth, Error> {
        let Self { kind, authorization_type, scope, authorization_content_type } = self;
        let wrong = |member: &str, what: &'static str| {
            Err(Error::invalid(what).with_param(format!("auth.{member}")))
        };
        let by_http = matches!(kind.as_str(), "service_http" | "user_http");
        let by_oauth = kind == "oauth";
        if authorization_type.is_some() && !by_http {
            return wrong("authorization_type", "This belongs to service_http and user_http.");
        }
        if scope.is_some() && !by_oauth {
            return wrong("scope", "This belongs to oauth.");
        }
        if authorization_content_type.is_some() && !by_oauth {
            return wrong("authorization_content_type", "This belongs to oauth.");
        }
        let scheme = match authorization_type.as_deref() {
            None | Some("bearer") => HttpScheme::Bearer,
            Some("basic") => HttpScheme::Basic,
            Some(_) => return wrong("authorization_type", "This is bearer or basic."),
        };
        match kind.as_str() {
            "none" => Ok(ToolAuth::None),
            "service_http" => Ok(ToolAuth::ServiceHttp { scheme }),
            "user_http" => Ok(ToolAuth::UserHttp { scheme }),
            "oauth" => {
                let content_type = match authorization_content_type.as_deref() {
                    None | Some("application/json") => TokenBody::Json,
                    Some("application/x-www-form-urlencoded") => TokenBody::Form,
                    Some(_) => {
                        return wrong(
                            "authorization_content_type",
                            "This is application/json or application/x-www-form-urlencoded.",
                        );
                    }
                };
                let scope = checked_scope(&scope.unwrap_or_default())?;
                Ok(ToolAuth::OAuth { scope, content_type })
            }
            _ => wrong("type", "A mode is none, service_http, user_http or oauth."),
        }
    }
}

/// Names with one space between them (PG-04).
fn checked_scope(scope: &str) -> Result<String, Error> {
    let names: Vec<&str> = scope.split_whitespace().collect();
    for name in &names {
        Scope::parse(name).map_err(|error| error.with_param("auth.scope"))?;
        if [Scope::MODELS, Scope::MANAGE].contains(name) {
            let what = format!("The scope {name:?} belongs to a door of this server.");
            return Err(Error::invalid(what).with_param("auth.scope"));
        }
    }
    if scope.len() > LONGEST_SCOPE {
        return Err(Error::invalid("The scope is too long.").with_param("auth.scope"));
    }
    Ok(names.join(" "))
}

impl ManifestChange {
    fn apply(self, manifest: &mut ToolManifest) -> Result<(), Error> {
        let members = [
            (TextField::NameForHuman, self.name_for_human, &mut manifest.name_for_human),
            (TextField::NameForModel, self.name_for_model, &mut manifest.name_for_model),
            (
                TextField::DescriptionForHuman,
                self.description_for_human,
                &mut manifest.description_for_human,
            ),
            (
                TextField::DescriptionForModel,
                self.description_for_model,
                &mut manifest.description_for_model,
            ),
            (TextField::ContactEmail, self.contact_email, &mut manifest.contact_email),
            (TextField::LegalInfoUrl, self.legal_info_url, &mut manifest.legal_info_url),
            (TextField::LogoUrl, self.logo_url, &mut manifest.logo_url),
        ];
        for (field, change, text) in members {
            let Some(change) = change else { continue };
            let change = change.trim();
            if !change.is_empty() {
                let named = |error: Error| error.with_param(format!("manifest.{}", field.name()));
                check_text(field, change).map_err(named)?;
            }
            *text = change.to_owned();
        }
        Ok(())
    }
}

pub(crate) fn checked_tokens(
    tokens: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    for (service, token) in &tokens {
        let named = |error: Error| error.with_param(format!("verification_tokens.{service}"));
        check_service(service, token).map_err(named)?;
    }
    if tokens.len() > MOST_SERVICES {
        let what = format!("There are at most {MOST_SERVICES} services.");
        return Err(Error::invalid(what).with_param("verification_tokens"));
    }
    Ok(tokens)
}

impl TimeoutsChange {
    fn apply(self, timeouts: &mut BTreeMap<String, u64>) -> Result<(), Error> {
        let Self { first_byte_ms, silence_ms } = self;
        for (name, change) in [("first_byte_ms", first_byte_ms), ("silence_ms", silence_ms)] {
            match change {
                None => {}
                Some(None) => drop(timeouts.remove(name)),
                Some(Some(ms @ 1..=LONGEST_MS)) => drop(timeouts.insert(name.to_owned(), ms)),
                Some(Some(_)) => {
                    let what = format!("A time-out is 1 to {LONGEST_MS} milliseconds.");
                    return Err(Error::invalid(what).with_param(format!("timeouts.{name}")));
                }
            }
        }
        Ok(())
    }
}
