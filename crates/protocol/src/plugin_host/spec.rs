//! The OpenAPI document, as far as it says where the API is.

use url::Url;

use super::manifest::Source;
use super::{Refusal, Warning, plain};
use crate::document::{self, Node};

/// The largest OpenAPI document that is read, in bytes.
pub const MAX_SPEC_BYTES: usize = document::MAX_BYTES;

/// How many servers of a document are looked at.
const MAX_SERVERS: usize = 64;

/// Where an API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its address, to which paths are added: no query, no slash at its end.
    pub base: String,
    /// How many paths its document names.
    pub paths: usize,
    /// What is odd in the document.
    pub warnings: Vec<Warning>,
}

/// Where the API of the document `body` is, which came from `url`: the first of its servers that is
/// at the root or below it, else the host that served the document.
pub fn read_api(body: &[u8], url: &Url, source: &Source<'_>) -> Result<Api, Refusal> {
    let document = parse(body)?;
    let mut warnings = Vec::new();
    let version = match document.get("openapi") {
        Some(Node::Text(version)) => version.clone(),
        // YAML takes `3.1` for a number.
        Some(Node::Number(version)) => version.to_string(),
        _ => String::new(),
    };
    if !version.starts_with("3.") {
        warnings.push(Warning::new("spec_version", "The OpenAPI document is not version 3."));
    }
    let servers = document.get("servers").map(Node::items).unwrap_or_default();
    let known = servers.iter().take(MAX_SERVERS).filter_map(|server| address(server, url));
    let base = known.clone().find(|server| source.root.holds(server) && source.admits(server));
    let base = match base {
        Some(base) => base,
        None => {
            let elsewhere = known.filter_map(|server| server.host_str().map(str::to_owned)).next();
            warnings.push(match elsewhere {
                Some(host) => {
                    let what = format!("The API's servers are outside the domain: {host}.");
                    Warning::about("spec_servers_outside", what, &host)
                }
                None => Warning::new("spec_no_servers", "The OpenAPI document names no server."),
            });
            url.join("/").map_err(|_| unreadable("it has no address"))?
        }
    };
    if !source.root.holds(&base) {
        let what = "The API is outside the domain of the manifest.";
        return Err(Refusal::new("api_url_outside", what));
    }
    let paths = document.get("paths").map(Node::members).unwrap_or_default().len();
    Ok(Api { base: base.as_str().trim_end_matches('/').to_owned(), paths, warnings })
}

/// The address of a server without a query, with the defaults of its variables.
fn address(server: &Node, document: &Url) -> Option<Url> {
    let mut text = server.get("url")?.as_text()?.trim().to_owned();
    let variables = server.get("variables").map(Node::members).unwrap_or_default();
    for (name, variable) in variables.iter().take(MAX_SERVERS) {
        let default = variable.get("default").and_then(Node::as_text).unwrap_or_default();
        text = text.replace(&format!("{{{name}}}"), default);
        if text.len() > 2_048 {
            return None;
        }
    }
    let mut url = document.join(&text).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    (!text.is_empty() && !url.cannot_be_a_base()).then_some(url)
}

fn parse(body: &[u8]) -> Result<Node, Refusal> {
    if body.len() > MAX_SPEC_BYTES {
        return Err(Refusal::new("too_large", "The OpenAPI document is too large."));
    }
    let document =
        Node::parse(body).map_err(|error| unreadable(&plain(&error.to_string(), 200)))?;
    if document.get("openapi").is_none() && document.get("paths").is_none() {
        return Err(unreadable("it has neither openapi nor paths"));
    }
    Ok(document)
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new("spec_unreadable", format!("The OpenAPI document cannot be read: {why}."))
}
