//! The manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::auth::{self, Auth};
use super::domain::{Root, is_loopback};
use super::{Refusal, Warning, lenient, plain};

/// The largest manifest that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Where a manifest came from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its address in the end.
    pub url: &'a Url,
    /// Its root.
    pub root: &'a Root,
    /// Whether tools on this machine may have every mode, and plain http (`dev.loopback_tools`).
    pub loopback_tools: bool,
}

impl Source<'_> {
    /// Whether an address may be used: https, or on this machine where tools are developed.
    pub(super) fn admits(&self, url: &Url) -> bool {
        let here = url.host().is_some_and(|host| is_loopback(&host));
        let nobody = url.username().is_empty() && url.password().is_none();
        nobody && (url.scheme() == "https" || (url.scheme() == "http" && here && self.is_here()))
    }

    /// Whether the tool itself is on this machine.
    fn is_here(&self) -> bool {
        self.url.host().is_some_and(|host| is_loopback(&host))
    }
}

/// What a manifest says, as far as we use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name for models. Several tools may have the same.
    pub name_for_model: String,
    /// Its name for people.
    pub name_for_human: String,
    /// What it does, for models.
    pub description_for_model: String,
    /// What it does, for people.
    pub description_for_human: String,
    /// How calls are authenticated.
    pub auth: Auth,
    /// Where its OpenAPI document is.
    pub api_url: String,
    /// Where its logo is, if that is an address.
    pub logo_url: Option<String>,
    /// Whom to ask; text of theirs.
    pub contact: String,
    /// Its terms; text of theirs.
    pub legal: String,
}

/// A manifest that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub manifest: Manifest,
    /// What it publishes for hosts, by their name.
    pub verification_tokens: BTreeMap<String, String>,
    /// What is odd in it.
    pub warnings: Vec<Warning>,
}

const KNOWN: [&str; 10] = [
    "schema_version",
    "name_for_model",
    "name_for_human",
    "description_for_model",
    "description_for_human",
    "auth",
    "api",
    "logo_url",
    "contact_email",
    "legal_info_url",
];

/// Reads a manifest that came from `source`.
pub fn read(body: &[u8], source: &Source<'_>) -> Result<Published, Refusal> {
    if body.len() > MAX_BYTES {
        return Err(Refusal::new("too_large", "The manifest is too large."));
    }
    let (object, comma) = lenient::object(body)?;
    let mut warnings: Vec<Warning> = comma.into_iter().collect();
    if object.get("schema_version").and_then(Value::as_str) != Some("v1") {
        warnings.push(Warning::new("schema_version", "The manifest is not of version v1."));
    }
    let (auth, verification_tokens) = auth::read(object.get("auth"), source, &mut warnings)?;
    if source.is_here() && !source.loopback_tools && auth != Auth::None {
        let what = "A tool on this machine can only have no authentication.";
        return Err(Refusal::new("loopback_auth", what));
    }
    let api_url = api(object.get("api"), source, &mut warnings)?;
    let words = Words { object: &object, source };
    let manifest = Manifest {
        name_for_model: words.name_for_model(&mut warnings),
        name_for_human: words.text("name_for_human", (20, 50), &mut warnings),
        description_for_model: words.text("description_for_model", (8_000, 16_000), &mut warnings),
        description_for_human: words.text("description_for_human", (100, 500), &mut warnings),
        auth,
        api_url,
        logo_url: words.logo(&mut warnings),
        contact: words.contact(&mut warnings),
        legal: words.legal(&mut warnings),
    };
    let unknown: Vec<String> = object
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .map(|name| plain(name, 40))
        .take(20)
        .collect();
    if !unknown.is_empty() {
        let what = format!("Members that are not used: {}.", unknown.join(", "));
        warnings.push(Warning::new("root_unknown_member", what));
    }
    Ok(Published { manifest, verification_tokens, warnings })
}

/// The address of the OpenAPI document.
fn api(
    api: Option<&Value>,
    source: &Source<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<String, Refusal> {
    let missing = || Refusal::new("api_url_missing", "The manifest names no OpenAPI document.");
    let api = api.and_then(Value::as_object).ok_or_else(missing)?;
    let text = api.get("url").and_then(Value::as_str).ok_or_else(missing)?.trim();
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) if !text.is_empty() => {
            let what = "The address of the OpenAPI document is relative to the manifest.";
            warnings.push(Warning::new("api_url_relative", what));
            source.url.join(text).map_err(|_| missing())?
        }
        Err(_) => return Err(missing()),
    };
    if !source.root.holds(&url) {
        let what = "The OpenAPI document is outside the domain of the manifest.";
        return Err(Refusal::new("api_url_outside", what));
    }
    // Mode `none` may be plain http on this machine.
    if !source.admits(&url) {
        return Err(Refusal::new("not_https", "The OpenAPI document does not come by https."));
    }
    about_api(api, &url, warnings);
    Ok(url.into())
}

fn about_api(api: &Map<String, Value>, url: &Url, warnings: &mut Vec<Warning>) {
    let mut warn = |code, is_so: bool, what: &str| {
        if is_so {
            warnings.push(Warning::new(code, what));
        }
    };
    warn("api_type_missing", !api.contains_key("type"), "The manifest has no api.type.");
    let inline = api.contains_key("info") || api.contains_key("paths");
    warn("api_inline_spec", inline, "The manifest holds an OpenAPI document; api.url is used.");
    let legacy = api.contains_key("has_user_authentication");
    warn("api_user_auth_legacy", legacy, "The manifest uses the name has_user_authentication.");
    let said = ["is_user_authenticated", "has_user_authentication"].map(|name| api.get(name));
    let odd = said.into_iter().flatten().any(|value| !value.is_boolean());
    warn("api_user_auth_type", odd, "is_user_authenticated is not true or false.");
    let name = url.path().rsplit('/').next().unwrap_or_default();
    let known = [".json", ".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    warn("spec_url_no_extension", !known, "The name of the OpenAPI document says no format.");
}

/// What people read.
struct Words<'a> {
    object: &'a Map<String, Value>,
    source: &'a Source<'a>,
}

impl Words<'_> {
    fn said(&self, name: &str) -> Option<&str> {
        self.object.get(name).and_then(Value::as_str)
    }

    /// A text that should have at most `usual` characters, and is cut at `most`.
    fn text(&self, name: &str, (usual, most): (usize, usize), to: &mut Vec<Warning>) -> String {
        let Some(text) = self.said(name) else {
            let what = format!("The manifest has no {name}.");
            to.push(Warning::new("member_missing", what));
            return self.source.root.host().to_owned();
        };
        if text.chars().count() > usual {
            let what = format!("{name} is longer than {usual} characters.");
            to.push(Warning::new(&format!("{name}_long"), what));
        }
        plain(text, most)
    }

    fn name_for_model(&self, to: &mut Vec<Warning>) -> String {
        let name = self.text("name_for_model", (50, 200), to);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(is_plain) && self.said("name_for_model").is_some() {
            let what = "name_for_model has more than letters, digits and underscores.";
            to.push(Warning::new("name_for_model_odd", what));
        }
        name
    }

    fn logo(&self, to: &mut Vec<Warning>) -> Option<String> {
        let text = self.said("logo_url")?;
        if text.starts_with("data:") {
            to.push(Warning::new("logo_data_uri", "The logo is part of the manifest."));
            return None;
        }
        let url = self.source.url.join(text).ok()?;
        let host = url.host_str()?;
        if !self.source.root.is_site_of(&url) {
            let what = format!("The logo is on another domain: {host}.");
            to.push(Warning::about("logo_other_domain", what, host));
        }
        let fits = url.scheme() == "https" && url.as_str().len() <= 2_048;
        fits.then(|| url.to_string())
    }

    fn contact(&self, to: &mut Vec<Warning>) -> String {
        let text = plain(self.said("contact_email").unwrap_or_default(), 320);
        let sound = text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && domain.contains('.') && !domain.contains(['@', ' '])
        });
        if !sound {
            let what = "The contact is no e-mail address.";
            to.push(Warning::new("contact_invalid", what));
        }
        text
    }

    fn legal(&self, to: &mut Vec<Warning>) -> String {
        let text = plain(self.said("legal_info_url").unwrap_or_default(), 2_048);
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        match &url {
            None => to.push(Warning::new("legal_not_url", "The terms are not at an address.")),
            Some(url) if !self.source.root.is_site_of(url) => {
                let what = format!("The terms are on another domain: {host}.");
                to.push(Warning::about("legal_other_domain", what, host));
            }
            Some(_) => {}
        }
        text
    }
}
