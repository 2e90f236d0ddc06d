//! A host of plugins as the protocol of 2023 describes it, to the letter: it reads a manifest and
//! an OpenAPI document, sends people to sign in, and calls the API with what it got. What it does
//! not like it says, in place of working around it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::{Value, json};
use url::Url;

use crate::Answer;
use crate::client::answer_of;

/// How the host calls itself.
const AGENT: &str = "Mozilla/5.0; compatible; ChatGPT-User/1.0; +https://openai.com/bot";

/// The host's own key of verification tokens.
pub const HOST_KEY: &str = "openai";

/// A host of plugins.
#[derive(Clone)]
pub struct PluginHost {
    http: reqwest::Client,
}

/// A plugin as the host read it.
#[derive(Clone)]
pub struct Plugin {
    host: PluginHost,
    /// Where the manifest came from.
    pub root: String,
    /// The manifest.
    pub manifest: Value,
    /// The OpenAPI document.
    pub openapi: Value,
    /// The one server that is called.
    pub server: String,
}

/// The form of requests to the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// JSON.
    Json,
    /// A form.
    Form,
}

/// Every name is on this machine.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        let here: Addrs = Box::new([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))].into_iter());
        Box::pin(async move { Ok(here) })
    }
}

impl Default for PluginHost {
    fn default() -> Self {
        Self::new()
    }
}

impl PluginHost {
    /// A host that follows no redirect and finds every name on this machine.
    pub fn new() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(AGENT)
            .dns_resolver(Arc::new(Here))
            .build()
            .unwrap_or_default();
        Self { http }
    }

    /// `GET url`, without a credential.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        answer_of(self.http.get(url)).await
    }

    /// Sends a request.
    pub async fn send(
        &self,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<Answer> {
        answer_of(request(&self.http)).await
    }

    /// Reads the plugin of the domain whose origin is `root`. An error says what is wrong with it.
    pub async fn read(&self, root: &str) -> Result<Plugin> {
        let place = format!("{root}/.well-known/ai-plugin.json");
        let answer = self.get(&place).await?;
        ensure!(answer.status == 200, "{place}: {} {}", answer.status, answer.text);
        let manifest: Value = serde_json::from_str(&answer.text).context("no JSON")?;
        let wrong = faults(&manifest, root);
        ensure!(wrong.is_empty(), "the manifest: {wrong:?}");
        let api = text(&manifest, "/api/url");
        let answer = self.get(&api).await?;
        ensure!(answer.status == 200, "{api}: {} {}", answer.status, answer.text);
        let openapi: Value = serde_json::from_str(&answer.text).context("no OpenAPI in JSON")?;
        let server = text(&openapi, "/servers/0/url");
        ensure!(is_under(&server, root), "the server {server} is not under {root}");
        Ok(Plugin { host: self.clone(), root: root.to_owned(), manifest, openapi, server })
    }
}

impl Plugin {
    /// What it asks of callers.
    pub fn auth(&self) -> &str {
        self.manifest["auth"]["type"].as_str().unwrap_or_default()
    }

    /// Calls an operation by its id. `credential` is what stands in `Authorization`, whole.
    pub async fn call(
        &self,
        operation: &str,
        credential: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let (method, path) = self.operation(operation)?;
        self.call_at(&method, &path, credential, body).await
    }

    /// The same at a path.
    pub async fn call_at(
        &self,
        method: &str,
        path: &str,
        credential: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let method = method.to_uppercase().parse::<reqwest::Method>()?;
        let mut request = self
            .host
            .http
            .request(method, format!("{}{path}", self.server))
            .header("openai-conversation-id", "0193b3c0-0000-7000-8000-00000000000c")
            .header("openai-ephemeral-user-id", "today-only");
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer_of(request).await
    }

    /// Method and path of an operation.
    pub fn operation(&self, id: &str) -> Result<(String, String)> {
        let paths = self.openapi["paths"].as_object().context("no paths")?;
        for (path, item) in paths {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if operation["operationId"] == id {
                    return Ok((method.clone(), path.clone()));
                }
            }
        }
        bail!("there is no operation {id}")
    }

    /// `Bearer token` or `Basic token`, as the manifest says: capitalised, one space, nothing else.
    pub fn header(&self, token: &str) -> String {
        match self.manifest["auth"]["authorization_type"].as_str() {
            Some("basic") => format!("Basic {token}"),
            _ => format!("Bearer {token}"),
        }
    }

    /// Where the host sends people back to, on its old name or on the one of today.
    pub fn callback(plugin_id: &str, host: &str) -> String {
        format!("https://{host}/aip/{plugin_id}/oauth/callback")
    }

    /// Where a browser is sent to sign in: to the letter, upper-case escapes and all.
    pub fn authorize_url(&self, client_id: &str, callback: &str, state: &str) -> String {
        let client_url = text(&self.manifest, "/auth/client_url");
        let scope = text(&self.manifest, "/auth/scope").replace(' ', "%20");
        let callback = callback.replace(':', "%3A").replace('/', "%2F");
        let joint = if client_url.contains('?') { '&' } else { '?' };
        format!(
            "{client_url}{joint}response_type=code&client_id={client_id}&scope={scope}\
             &state={state}&redirect_uri={callback}"
        )
    }

    /// The form of token requests that the manifest asks for.
    pub fn body_form(&self) -> BodyForm {
        match self.manifest["auth"]["authorization_content_type"].as_str() {
            Some("application/json") => BodyForm::Json,
            _ => BodyForm::Form,
        }
    }

    /// Makes a code into tokens.
    pub async fn redeem(&self, app: (&str, &str), code: &str, callback: &str) -> Result<Answer> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", app.0),
            ("client_secret", app.1),
            ("code", code),
            ("redirect_uri", callback),
        ];
        self.token(&pairs).await
    }

    /// Refreshes tokens.
    pub async fn refresh(&self, app: (&str, &str), refresh_token: &str) -> Result<Answer> {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", app.0),
            ("client_secret", app.1),
            ("refresh_token", refresh_token),
        ];
        self.token(&pairs).await
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> Result<Answer> {
        let place = text(&self.manifest, "/auth/authorization_url");
        let request = self.host.http.post(place);
        let request = match self.body_form() {
            BodyForm::Form => request.form(pairs),
            BodyForm::Json => {
                let body: serde_json::Map<String, Value> =
                    pairs.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
                request.json(&body)
            }
        };
        answer_of(request).await
    }
}

/// What a strict reader has against a manifest that was served from `root`.
pub fn faults(manifest: &Value, root: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = [
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
    let members = manifest.as_object().cloned().unwrap_or_default();
    wrong.extend(members.keys().filter(|name| !known.contains(&name.as_str())).cloned());
    wrong.extend(known.iter().filter(|name| !members.contains_key(**name)).map(|n| n.to_string()));
    let limits = [
        ("name_for_model", 50),
        ("name_for_human", 20),
        ("description_for_model", 8_000),
        ("description_for_human", 100),
    ];
    for (name, most) in limits {
        let length = manifest[name].as_str().map_or(0, |text| text.chars().count());
        if !(1..=most).contains(&length) {
            wrong.push(format!("{name} has {length} characters"));
        }
    }
    let name = manifest["name_for_model"].as_str().unwrap_or_default();
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        wrong.push("name_for_model is not plain".to_owned());
    }
    if manifest["schema_version"] != "v1" || manifest["api"]["type"] != "openapi" {
        wrong.push("another version or type".to_owned());
    }
    for (place, url) in [("api", &manifest["api"]["url"]), ("logo", &manifest["logo_url"])] {
        if !is_under(url.as_str().unwrap_or_default(), root) {
            wrong.push(format!("{place} is elsewhere: {url}"));
        }
    }
    if manifest["contact_email"].as_str().is_none_or(|text| text.matches('@').count() != 1) {
        wrong.push("contact_email is no address".to_owned());
    }
    if Url::parse(manifest["legal_info_url"].as_str().unwrap_or_default()).is_err() {
        wrong.push("legal_info_url is no address".to_owned());
    }
    wrong.extend(auth_faults(&manifest["auth"]));
    wrong
}

fn auth_faults(auth: &Value) -> Vec<String> {
    let wanted: &[&str] = match auth["type"].as_str() {
        Some("none") => &["type", "instructions"],
        Some("service_http") => {
            &["type", "instructions", "authorization_type", "verification_tokens"]
        }
        Some("user_http") => &["type", "instructions", "authorization_type"],
        Some("oauth") => &[
            "type",
            "instructions",
            "client_url",
            "scope",
            "authorization_url",
            "authorization_content_type",
            "verification_tokens",
        ],
        _ => return vec![format!("auth is of no known type: {auth}")],
    };
    let members = auth.as_object().cloned().unwrap_or_default();
    let odd = members.keys().filter(|name| !wanted.contains(&name.as_str())).cloned();
    let missing = wanted.iter().filter(|name| !members.contains_key(**name));
    odd.chain(missing.map(|name| (*name).to_owned())).map(|name| format!("auth.{name}")).collect()
}

/// Whether `url` is at the host of `root` or below it, label by label.
fn is_under(url: &str, root: &str) -> bool {
    let (Ok(url), Ok(root)) = (Url::parse(url), Url::parse(root)) else { return false };
    let (Some(host), Some(root)) = (url.host_str(), root.host_str()) else { return false };
    host == root || host.strip_suffix(root).is_some_and(|rest| rest.ends_with('.'))
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
