//! The documents of a tool: its manifest and its OpenAPI document, and what stands in for a logo
//! and a legal page that its owner left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Exchange, Path};
use tollgate_gate::{Tool, is_loopback};
use tollgate_kernel::{Error, Slug};
use tollgate_protocol::plugin_host::same_site;
use tollgate_protocol::tool::{BodyForm, Manifest, ManifestAuth, OpenApi, Scheme, Security};
use tollgate_store::{HttpScheme, TokenBody, ToolAuth, ToolRecord};
use url::Url;

use crate::document::Written;
use crate::origin::{HOSTS, check_origin};
use crate::place::{Came, Places};
use crate::state::ToolsState;

/// Where the OpenAPI document is, from the root of a tool.
const OPENAPI: &str = "/openapi.json";
/// Where it is at the root of our own origin, whose own document has that place.
const OPENAPI_AT_OURS: &str = "/.well-known/openapi.json";
/// Where the manifest is.
pub(crate) const MANIFEST: &str = "/.well-known/ai-plugin.json";
/// Where the logo is that stands in for none.
const LOGO: &str = "/.well-known/logo.svg";
/// Where the legal page is that stands in for none.
const LEGAL: &str = "/.well-known/legal.txt";

/// A picture for tools that have none: the gate of the project, plain.
const LOGO_SVG: &str = include_str!("../assets/logo.svg");

/// `GET {root}/.well-known/ai-plugin.json`.
pub(crate) async fn manifest(
    State(state): State<ToolsState>,
    exchange: Exchange,
    came: Came,
    Path(id): Path<Slug>,
    headers: HeaderMap,
) -> Reply {
    let tool = published(&state, &exchange, &id, &headers)?;
    let tool = tool.record();
    let root = came.root(&state.places, tool);
    let written = Published::of(&state.places, tool, &root).manifest();
    Ok(open_to_hosts(&state, reply::typed("application/json; charset=utf-8", written)))
}

/// `GET {root}/openapi.json`.
pub(crate) async fn openapi(
    State(state): State<ToolsState>,
    exchange: Exchange,
    came: Came,
    Path(id): Path<Slug>,
    headers: HeaderMap,
) -> Reply {
    let tool = published(&state, &exchange, &id, &headers)?;
    let tool = tool.record();
    let root = came.root(&state.places, tool);
    let write = |document: &OpenApi| {
        document.published(&root, Published::of(&state.places, tool, &root).security())
    };
    let Written { bytes, etag } = state.documents.written(&state.gate, tool, &root, write).await?;
    let mut answer = reply::typed("application/json; charset=utf-8", bytes);
    if is_known(&headers, &etag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Body::empty();
    }
    answer.headers_mut().insert(ETAG, etag);
    // Kept, but never used without asking: a change shows at once.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(open_to_hosts(&state, answer))
}

/// Whether the caller has what `etag` stands for (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut known = known.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it).as_bytes() == etag.as_bytes())
}

/// `GET {root}/.well-known/logo.svg`.
pub(crate) async fn logo(
    State(state): State<ToolsState>,
    exchange: Exchange,
    Path(id): Path<Slug>,
    headers: HeaderMap,
) -> Reply {
    published(&state, &exchange, &id, &headers)?;
    Ok(reply::typed("image/svg+xml", LOGO_SVG))
}

/// `GET {root}/.well-known/legal.txt`.
pub(crate) async fn legal(
    State(state): State<ToolsState>,
    exchange: Exchange,
    came: Came,
    Path(id): Path<Slug>,
    headers: HeaderMap,
) -> Reply {
    let tool = published(&state, &exchange, &id, &headers)?;
    let root = came.root(&state.places, tool.record());
    let Texts { name_for_human, contact_email, .. } =
        Texts::of(&state.places, tool.record(), &root);
    let text = format!(
        "{name_for_human} is offered by whoever runs {root}.\n\
         Its owner has published no terms. Questions: {contact_email}\n"
    );
    Ok(reply::typed("text/plain; charset=utf-8", text))
}

/// The tool, if it may be published; strangers are counted.
fn published(
    state: &ToolsState,
    exchange: &Exchange,
    id: &Slug,
    headers: &HeaderMap,
) -> Result<Arc<Tool>, Error> {
    exchange.count_stranger()?;
    let tool = state.tool(id)?;
    check_origin(&state.places, tool.record(), headers)?;
    state.places.may_publish(tool.record())?;
    Ok(tool)
}

/// On a development machine the browser itself reads the documents, from the host's page (PG-05).
pub(crate) fn open_to_hosts(state: &ToolsState, mut response: Response) -> Response {
    if state.places.is_loopback() && state.places.publishes_all() {
        let headers = response.headers_mut();
        for (name, value) in [
            ("access-control-allow-origin", HOSTS[0]),
            ("access-control-allow-private-network", "true"),
            (
                "access-control-allow-headers",
                "Content-Type, Authorization, openai-conversation-id, openai-ephemeral-user-id",
            ),
            ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// The texts of a manifest, with something honest where the owner wrote nothing.
pub(crate) struct Texts {
    pub(crate) name_for_human: String,
    pub(crate) name_for_model: String,
    pub(crate) description_for_human: String,
    pub(crate) description_for_model: String,
    pub(crate) contact_email: String,
    pub(crate) legal_info_url: String,
    pub(crate) logo_url: String,
}

impl Texts {
    /// Those of `tool`, which is found at `root`.
    pub(crate) fn of(places: &Places, tool: &ToolRecord, root: &str) -> Self {
        let id = tool.id.as_str();
        let said = &tool.manifest;
        let or = |text: &str, otherwise: &dyn Fn() -> String| {
            if text.is_empty() { otherwise() } else { text.to_owned() }
        };
        let place = |text: &str, otherwise: &str| match text {
            "" => format!("{root}{otherwise}"),
            path if path.starts_with('/') => format!("{root}{path}"),
            address => address.to_owned(),
        };
        let name = or(&said.name_for_human, &|| id.chars().take(20).collect());
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let described = format!("The API of {name}.");
        Self {
            name_for_model: or(&said.name_for_model, &|| id.chars().take(50).map(plain).collect()),
            description_for_human: or(&said.description_for_human, &|| described.clone()),
            description_for_model: or(&said.description_for_model, &|| described.clone()),
            // Whoever runs mail for a name reads this address (RFC 5321, 4.5.1).
            contact_email: or(&said.contact_email, &|| {
                let host = Url::parse(root).ok().and_then(|url| url.host_str().map(str::to_owned));
                format!("postmaster@{}", host.unwrap_or_else(|| places.host_of(tool)))
            }),
            legal_info_url: place(&said.legal_info_url, LEGAL),
            logo_url: place(&said.logo_url, LOGO),
            name_for_human: name,
        }
    }
}

/// What hosts may stumble over in the manifest of `tool`, by code, with what stands there: they
/// want legal page and contact on the tool's own site, and show pictures of others in their own
/// way (PG-03). What is called on this machine alone is shown to nobody.
pub(crate) fn remarks(places: &Places, tool: &ToolRecord) -> Vec<(&'static str, String)> {
    let root = places.address(tool);
    let host_of = |address: &str| Url::parse(address).ok()?.host_str().map(str::to_owned);
    let Some(own) = Url::parse(&root).ok().filter(|root| !is_loopback(root)) else {
        return Vec::new();
    };
    let own = own.host_str().unwrap_or_default();
    let texts = Texts::of(places, tool, &root);
    let contact = texts.contact_email.rsplit_once('@').map(|(_, host)| host.to_owned());
    let all = [
        ("legal-other-domain", host_of(&texts.legal_info_url), texts.legal_info_url),
        ("contact-other-domain", contact, texts.contact_email),
        ("logo-other-domain", host_of(&texts.logo_url), texts.logo_url),
    ];
    let elsewhere = all.into_iter().filter(|(_, host, _)| {
        !host.as_ref().is_some_and(|host| same_site(own, &host.to_ascii_lowercase()))
    });
    elsewhere.map(|(code, _, said)| (code, said)).collect()
}

/// Where the OpenAPI document of the tool at `root` is.
pub(crate) fn openapi_url(places: &Places, root: &str) -> String {
    let path = if root == places.origin() { OPENAPI_AT_OURS } else { OPENAPI };
    format!("{root}{path}")
}

/// A tool as its documents say it is.
pub(crate) struct Published<'a> {
    tool: &'a ToolRecord,
    texts: Texts,
    api_url: String,
    authorize_url: String,
    token_url: String,
}

impl<'a> Published<'a> {
    /// `tool` at `root`.
    pub(crate) fn of(places: &Places, tool: &'a ToolRecord, root: &str) -> Self {
        // At a name of its own a tool has our two OAuth endpoints at its root: hosts want them on
        // the same domain. Under a path there is no other root than ours.
        let own = places.host_root(tool).filter(|own| own == root);
        let oauth = own.as_deref().unwrap_or(places.origin());
        Self {
            tool,
            texts: Texts::of(places, tool, root),
            api_url: openapi_url(places, root),
            authorize_url: format!("{oauth}/authorize"),
            token_url: format!("{oauth}/token"),
        }
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> Vec<u8> {
        let texts = &self.texts;
        Manifest {
            name_for_human: &texts.name_for_human,
            name_for_model: &texts.name_for_model,
            description_for_human: &texts.description_for_human,
            description_for_model: &texts.description_for_model,
            auth: self.auth(&self.tool.verification_tokens),
            api_url: &self.api_url,
            logo_url: &texts.logo_url,
            contact_email: &texts.contact_email,
            legal_info_url: &texts.legal_info_url,
        }
        .to_json()
    }

    fn auth<'b>(&'b self, verification_tokens: &'b BTreeMap<String, String>) -> ManifestAuth<'b> {
        match &self.tool.auth {
            ToolAuth::None => ManifestAuth::None,
            ToolAuth::ServiceHttp { scheme } => {
                ManifestAuth::ServiceHttp { scheme: of_scheme(*scheme), verification_tokens }
            }
            ToolAuth::UserHttp { scheme } => ManifestAuth::UserHttp { scheme: of_scheme(*scheme) },
            ToolAuth::OAuth { scope, content_type } => ManifestAuth::OAuth {
                authorize_url: &self.authorize_url,
                token_url: &self.token_url,
                scope,
                body: match content_type {
                    TokenBody::Json => BodyForm::Json,
                    TokenBody::Form => BodyForm::Form,
                },
                verification_tokens,
            },
        }
    }

    /// What callers have to send.
    pub(crate) fn security(&self) -> Security<'_> {
        match &self.tool.auth {
            ToolAuth::None => Security::None,
            ToolAuth::ServiceHttp { scheme } | ToolAuth::UserHttp { scheme } => {
                Security::Http(of_scheme(*scheme))
            }
            ToolAuth::OAuth { scope, .. } => Security::OAuth {
                authorize_url: &self.authorize_url,
                token_url: &self.token_url,
                scope,
            },
        }
    }
}

fn of_scheme(scheme: HttpScheme) -> Scheme {
    match scheme {
        HttpScheme::Bearer => Scheme::Bearer,
        HttpScheme::Basic => Scheme::Basic,
    }
}
