//! A tool as the file has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_tools::{AuthBody, ManifestChange, TimeoutsChange};

use super::raw::RawSecret;

/// An API that is offered to AI clients. What is left out is as usual, but for verification tokens:
/// those are also set while the server runs, and stay.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTool {
    /// Its name.
    pub(super) id: String,
    /// The host name of its own, in lower case and without a port.
    pub(super) host: Option<String>,
    /// The path of its own, or `/` for the root of the public origin; left out: `/tools/ID`.
    pub(super) path: Option<String>,
    /// Where its API is; the paths of calls are put behind it.
    pub(super) upstream_url: String,
    /// What we send there to be let in.
    pub(super) upstream_auth: Option<RawUpstreamAuth>,
    /// Where its OpenAPI document is fetched from.
    pub(super) openapi_url: Option<String>,
    /// Its OpenAPI document, 3.0 or 3.1, in JSON or YAML.
    pub(super) openapi: Option<String>,
    /// How callers say who they are; left out: not at all.
    pub(super) auth: Option<AuthBody>,
    /// What its manifest says.
    pub(super) manifest: Option<ManifestChange>,
    /// What services look for in its manifest, by the service's name.
    pub(super) verification_tokens: Option<BTreeMap<String, String>>,
    /// How long its API may be silent.
    pub(super) timeouts: Option<TimeoutsChange>,
}

/// What we send to an API to be let in: a header, or a user name and a password.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstreamAuth {
    /// `header` or `basic`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["header", "basic"]))]
    pub(super) kind: String,
    /// The header's name.
    pub(super) name: Option<String>,
    /// The header's whole value.
    pub(super) value: Option<RawSecret>,
    /// The user's name.
    pub(super) username: Option<String>,
    /// The password.
    pub(super) password: Option<RawSecret>,
}
