//! The file as it is written. Texts are checked in `check.rs`; the comments here become the
//! descriptions of `tollgate config schema`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::NetworkLimits;
use tollgate_gate::DrainBounds;
use tollgate_kernel::{Budget, Period, Unit};
use tollgate_models::ModelsState;

use super::raw_plan::RawPlan;
use super::raw_tool::RawTool;
use super::{LogFormat, Registration};

/// Configuration of Tollgate. Every section can be left out.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) server: RawServer,
    pub(super) tls: RawTls,
    pub(super) store: RawStore,
    pub(super) vault: RawVault,
    pub(super) accounts: RawAccounts,
    pub(super) limits: RawLimits,
    pub(super) metering: RawMetering,
    pub(super) installation: RawInstallation,
    pub(super) outbound: RawOutbound,
    pub(super) prices: RawPrices,
    pub(super) log: RawLog,
    pub(super) metrics: RawMetrics,
    pub(super) dev: RawDev,
    /// Model providers that the file declares.
    pub(super) upstream: Vec<RawUpstream>,
    /// Aliases of models that the file declares.
    pub(super) model: Vec<RawModel>,
    /// Plans that the file declares.
    pub(super) plan: Vec<RawPlan>,
    /// Sign-in providers that the file declares.
    pub(super) provider: Vec<RawProvider>,
    /// Apps that the file declares.
    pub(super) client: Vec<RawClient>,
    /// APIs that the file declares, offered to AI clients.
    pub(super) tool: Vec<RawTool>,
}

/// Where the server listens, and what it is called from outside.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    /// Address and port to listen on; port 0 takes a free one.
    pub(super) listen: String,
    /// The one origin under which people and apps reach the server. Left out on loopback:
    /// `http://localhost:PORT`.
    pub(super) public_url: Option<String>,
    /// The folder of all data. Left out: `$XDG_DATA_HOME/tollgate`, else
    /// `~/.local/share/tollgate`, else `./tollgate-data`.
    pub(super) data_dir: Option<String>,
    /// Networks of proxies whose forwarding headers are believed.
    pub(super) trusted_proxies: Vec<String>,
    /// `keys-and-passwords-may-be-read-on-the-wire` lets the server start beyond loopback without
    /// TLS and without a trusted proxy.
    pub(super) insecure_http: Option<String>,
    /// Seconds that running streams are given to finish when the server is asked to stop.
    #[schemars(range(min = 0, max = 86_400))]
    pub(super) shutdown_s: u32,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8700".to_owned(),
            public_url: None,
            data_dir: None,
            trusted_proxies: Vec::new(),
            insecure_http: None,
            shutdown_s: 300,
        }
    }
}

/// Certificates, chosen by the name that the caller asks for.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTls {
    /// Files of certificate chains and their keys.
    pub(super) certificates: Vec<RawCertificate>,
}

/// A certificate.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    /// PEM file of the chain.
    pub(super) cert: String,
    /// PEM file of the key.
    pub(super) key: String,
}

/// Where data is kept.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStore {
    /// `postgres://…`; left out: SQLite in the data folder.
    pub(super) url: Option<RawSecret>,
}

/// The key that all other keys are made from.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawVault {
    /// Left out: a key is made in the data folder, for its owner alone.
    pub(super) master_key: Option<RawSecret>,
}

/// A secret: its text, or one of `{ file = "…" }`, `{ env = "…" }`, `{ credential = "…" }`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum RawSecret {
    /// The secret itself.
    Value(String),
    /// The first line of a file.
    File {
        /// The file.
        file: String,
    },
    /// An environment variable.
    Env {
        /// Its name.
        env: String,
    },
    /// A credential that systemd hands over.
    Credential {
        /// Its name in `$CREDENTIALS_DIRECTORY`.
        credential: String,
    },
}

/// What is printed of a secret: where it comes from, never what it is.
impl Serialize for RawSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&match self {
            Self::Value(_) => "(secret)".to_owned(),
            Self::File { file } => format!("(secret from file {file})"),
            Self::Env { env } => format!("(secret from ${env})"),
            Self::Credential { credential } => format!("(secret from credential {credential})"),
        })
    }
}

/// Who may have an account.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAccounts {
    /// Who may sign up.
    pub(super) registration: Registration,
    /// Domains of e-mail addresses that may sign up, with `registration = "domain"`.
    pub(super) domains: Vec<String>,
    /// The plan of people who have none of their own or of a group.
    pub(super) default_plan: Option<String>,
}

/// Bounds of requests.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    /// The largest body of a model call, in bytes.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub(super) model_request_bytes: u64,
    pub(super) network: RawNetwork,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            model_request_bytes: ModelsState::REQUEST_BYTES as u64,
            network: RawNetwork::default(),
        }
    }
}

/// Limits by network address. Requests with an admin key or over the socket do not count.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawNetwork {
    /// Attempts to sign in, in any minute.
    #[schemars(range(min = 1))]
    pub(super) sign_in_per_minute: u32,
    /// Sign-ups, in any hour.
    #[schemars(range(min = 1))]
    pub(super) sign_up_per_hour: u32,
    /// Requests without a credential, in any minute; and as many wrong guesses at the tokens that
    /// you chose for a tool's services, counted for each tool. Beyond these the right one is
    /// refused from that network too, until the minute is over.
    #[schemars(range(min = 1))]
    pub(super) anonymous_per_minute: u32,
    /// Requests of management, in any minute.
    #[schemars(range(min = 1))]
    pub(super) management_per_minute: u32,
}

impl Default for RawNetwork {
    fn default() -> Self {
        let NetworkLimits {
            sign_in_per_minute,
            sign_up_per_hour,
            anonymous_per_minute,
            management_per_minute,
        } = NetworkLimits::default();
        Self { sign_in_per_minute, sign_up_per_hour, anonymous_per_minute, management_per_minute }
    }
}

/// How calls are metered whose caller hangs up: the upstream is read on, within these bounds.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetering {
    /// Seconds at most.
    #[schemars(range(min = 0, max = 3_600))]
    pub(super) drain_s: u32,
    /// Tokens at most.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) drain_tokens: u32,
    /// So many streams at the same time at most.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) drain_streams: u32,
}

impl Default for RawMetering {
    fn default() -> Self {
        let DrainBounds { time, tokens, answers } = DrainBounds::default();
        Self {
            drain_s: u32::try_from(time.as_secs()).unwrap_or(u32::MAX),
            drain_tokens: tokens,
            drain_streams: answers,
        }
    }
}

/// What counts for everybody together.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawInstallation {
    /// Budgets over all calls of the installation.
    pub(super) budgets: Vec<RawBudget>,
}

/// What the server may reach on its own account.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOutbound {
    /// Private networks that the guarded fetcher may reach.
    pub(super) allow: Vec<String>,
    /// PEM files of certificate authorities that are trusted beside the system's.
    pub(super) ca: Vec<String>,
}

/// What models cost.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPrices {
    /// A CSV file whose rows go before those of the embedded table.
    pub(super) file: Option<String>,
}

/// The log on stderr.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    /// How lines look.
    pub(super) format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,hyper=debug`.
    pub(super) level: Option<String>,
}

/// What the server counts, for Prometheus, at `/metrics` of a listener of its own.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    /// Address and port on loopback, like `127.0.0.1:8701`; left out, there is no such listener.
    pub(super) listen: Option<String>,
}

/// Switches for development, ugly on purpose.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDev {
    /// Lets tools on loopback have authentication modes other than none.
    pub(super) loopback_tools: bool,
}

/// A model provider of OpenAI's wire.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstream {
    /// Its name.
    pub(super) id: String,
    /// Where its routes start, for example `https://api.openai.com/v1`.
    pub(super) base_url: String,
    /// Our key there.
    pub(super) api_key: Option<RawSecret>,
    /// The header that takes the key bare, like `api-key`; left out: `Authorization: Bearer`.
    pub(super) header: Option<String>,
    /// How long it may be silent.
    #[serde(default)]
    pub(super) timeouts: RawTimeouts,
}

/// How long an upstream may be silent.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTimeouts {
    /// Until the answer starts.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(super) first_byte_ms: u32,
    /// Between two pieces of an answer.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(super) silence_ms: u32,
}

impl Default for RawTimeouts {
    fn default() -> Self {
        Self { first_byte_ms: 600_000, silence_ms: 600_000 }
    }
}

/// A name of ours for a model of an upstream.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    /// The name that callers use.
    pub(super) alias: String,
    /// The upstream.
    pub(super) upstream: String,
    /// The model's name there.
    pub(super) model: String,
    /// Budgets over all calls of this alias.
    #[serde(default)]
    pub(super) budgets: Vec<RawBudget>,
}

/// Rates; what is left out is unlimited.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRates {
    /// Calls in any minute.
    #[schemars(range(min = 1))]
    pub(super) requests_per_minute: Option<u32>,
    /// Tokens in any minute.
    #[schemars(range(min = 1))]
    pub(super) tokens_per_minute: Option<u32>,
    /// Calls at the same time.
    #[schemars(range(min = 1))]
    pub(super) concurrent: Option<u32>,
}

/// At most `limit` of `unit` in each `period`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    /// What is counted.
    #[schemars(with = "String", extend("enum" = ["money", "tokens", "calls"]))]
    pub(super) unit: Unit,
    /// How much of it; money in nano-units.
    #[schemars(range(min = 0, max = Budget::MAX))]
    pub(super) limit: i64,
    /// How long until it starts anew.
    #[schemars(with = "String", extend("enum" = ["day", "week", "month"]))]
    pub(super) period: Period,
}

/// A sign-in provider. What is left out comes from its kind, or from its issuer.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProvider {
    /// Its name in addresses: the redirect URI to register there is `PUBLIC_URL/callback/ID`.
    pub(super) id: String,
    /// What it speaks: `google`, `github`, `facebook`, `microsoft`, `oidc` or `oauth2`.
    #[schemars(extend("enum" = ["google", "github", "facebook", "microsoft", "oidc", "oauth2"]))]
    pub(super) kind: String,
    /// Its name for people, on buttons.
    pub(super) name: Option<String>,
    /// The issuer of its ID tokens, exactly as the provider writes it; needed for kind `oidc`.
    pub(super) issuer: Option<String>,
    /// What it calls us.
    pub(super) client_id: String,
    /// Our secret there.
    pub(super) client_secret: Option<RawSecret>,
    /// How the secret is sent: `client_secret_basic` or `client_secret_post`.
    #[schemars(extend("enum" = ["client_secret_basic", "client_secret_post", null]))]
    pub(super) auth_method: Option<String>,
    /// Addresses of `authorize`, `token`, `userinfo`, `emails` and `jwks`, where they are not the
    /// usual ones.
    #[serde(default)]
    pub(super) endpoints: BTreeMap<String, String>,
    /// What the profile calls `subject`, `email`, `email_verified`, `name` and `locale`, where not
    /// as usual.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    /// What is asked for.
    pub(super) scopes: Option<Vec<String>>,
    /// Whether people may sign in with it.
    #[serde(default = "yes")]
    pub(super) enabled: bool,
}

fn yes() -> bool {
    true
}

/// An app with keys and a plan of its own.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    /// Its name in this file, which is its client id.
    pub(super) id: String,
    /// Its name for people; left out: the id.
    pub(super) name: Option<String>,
    /// Its plan; without one it calls no model.
    pub(super) plan: Option<String>,
    /// Whether it can keep a secret: `public` or `confidential`.
    #[serde(default = "confidential", rename = "type")]
    #[schemars(extend("enum" = ["public", "confidential"]))]
    pub(super) kind: String,
    /// Its secret; left out: the one that the API or a page made.
    pub(super) client_secret: Option<RawSecret>,
    /// How it shows its secret; left out: by either.
    #[schemars(extend("enum" = ["client_secret_basic", "client_secret_post", null]))]
    pub(super) auth_method: Option<String>,
    /// Where its users may be sent back to.
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    /// Where its users may be sent back to after a sign-out.
    #[serde(default)]
    pub(super) post_logout_redirect_uris: Vec<String>,
    /// The origins of its pages.
    #[serde(default)]
    pub(super) origins: Vec<String>,
    /// The grant types that it may use; left out: all that its type can.
    pub(super) grants: Option<Vec<String>>,
    /// The scopes that it may have; left out: all but `manage`.
    pub(super) scopes: Option<Vec<String>>,
    /// The addresses that its tokens may be for; left out: all that are known.
    #[serde(default)]
    pub(super) resources: Vec<String>,
    /// Whether it may come without PKCE and with JSON bodies.
    #[serde(default)]
    pub(super) legacy: bool,
    /// Whether it may name its people in the header `Tollgate-User`.
    #[serde(default)]
    pub(super) user_header: bool,
    /// How long its access tokens last, in seconds; left out: 300.
    #[schemars(range(min = 1, max = 3_600))]
    pub(super) access_token_s: Option<u32>,
    /// How long what a person allowed it lasts, in seconds; left out: 90 days.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub(super) refresh_token_s: Option<u32>,
}

fn confidential() -> String {
    "confidential".to_owned()
}
