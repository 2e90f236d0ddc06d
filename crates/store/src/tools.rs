//! Tools: APIs of the owner's that AI clients call through us, and the plugins at a host that asked
//! for sign-ins at one.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_kernel::{Error, Slug, Timestamp};

use crate::sql::{Record, Row, Value, args, columns};
use crate::value::json;
use crate::{EventKind, KeyRecord, Reader, Tx};

/// The most plugins that wait for the owner's word at one tool.
const WAITING_MAX: i64 = 64;

/// How long one that waits keeps its place, whoever else comes; from then on it makes room.
const PLACE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How often it is noted that a plugin came again.
const SEEN_EVERY: Duration = Duration::from_secs(3_600);

/// The scheme of an `Authorization` header (RFC 9110, 11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpScheme {
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `Basic` (RFC 7617).
    Basic,
}

impl HttpScheme {
    /// The name in manifests and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Basic => "basic",
        }
    }
}

/// The form of a plugin host's token requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenBody {
    /// JSON.
    #[serde(rename = "application/json")]
    Json,
    /// A form, as RFC 6749 has it.
    #[serde(rename = "application/x-www-form-urlencoded")]
    Form,
}

impl TokenBody {
    /// The media type, as manifests name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// How a tool's callers say who they are. Serialised as in a manifest's `auth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToolAuth {
    /// Not at all: limits by network.
    None,
    /// A service, by a token of its own.
    ServiceHttp {
        /// In which scheme the token comes.
        #[serde(rename = "authorization_type")]
        scheme: HttpScheme,
    },
    /// A person, by a key of theirs for this tool alone.
    UserHttp {
        /// In which scheme the key comes.
        #[serde(rename = "authorization_type")]
        scheme: HttpScheme,
    },
    /// A person or an app, by an access token for the tool's address.
    #[serde(rename = "oauth")]
    OAuth {
        /// The scopes that a token needs, separated by spaces; may be empty.
        scope: String,
        /// The form of the host's token requests.
        #[serde(rename = "authorization_content_type")]
        content_type: TokenBody,
    },
}

/// What a manifest says of a tool. What is empty is left to whoever writes the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolManifest {
    /// Its name for people.
    pub name_for_human: String,
    /// Its name for models.
    pub name_for_model: String,
    /// What it is for, for people.
    pub description_for_human: String,
    /// What it is for, and when to use it, for models.
    pub description_for_model: String,
    /// Where to ask for help.
    pub contact_email: String,
    /// Its legal page.
    pub legal_info_url: String,
    /// Its picture.
    pub logo_url: String,
}

/// How we say who we are to the API behind a tool. The secret is sealed: the vault alone opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum UpstreamAuth {
    /// A header of this name; the secret is all of its value.
    Header {
        /// The name.
        name: String,
    },
    /// `Authorization: Basic`; the secret is `user:password`.
    Basic,
}

/// Whether a tool answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolState {
    /// It does.
    Active,
    /// It does not, for anybody.
    Disabled,
}

impl ToolState {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl ToolState {
    /// Whether it answers.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active)
    }
}

impl FromStr for ToolState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            _ => Err(Error::invalid("a state is active or disabled").with_param("state")),
        }
    }
}

/// A tool, as its owner declared it.
#[derive(Clone)]
pub struct ToolRecord {
    /// Its name.
    pub id: Slug,
    /// The host name of its own, in lower case and without a port.
    pub host: Option<String>,
    /// The path of its own, without a slash at its end.
    pub path: Option<String>,
    /// The address that the paths of calls are appended to.
    pub upstream_url: String,
    /// How we say who we are there; there with the secret.
    pub upstream_auth: Option<UpstreamAuth>,
    /// That secret, sealed.
    pub upstream_auth_sealed: Option<Vec<u8>>,
    /// Where its OpenAPI document is fetched from.
    pub openapi_url: Option<String>,
    /// The OpenAPI document itself, JSON or YAML.
    pub openapi: Option<String>,
    /// How callers say who they are.
    pub auth: ToolAuth,
    /// What its manifest says.
    pub manifest: ToolManifest,
    /// What services look for in its manifest, by the service's name.
    pub verification_tokens: BTreeMap<String, String>,
    /// Its own time-outs, by name, with the unit in the name: `first_byte_ms`, `silence_ms`.
    pub timeouts: BTreeMap<String, u64>,
    /// Whether it answers.
    pub state: ToolState,
    /// Whether it is declared in the configuration file.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; 0 is a tool that is not stored yet.
    pub version: i64,
}

impl ToolRecord {
    /// A tool that is to be stored, without a secret of ours for its upstream.
    pub fn new(id: Slug, upstream_url: String, auth: ToolAuth) -> Self {
        let never = Timestamp::default();
        Self {
            id,
            host: None,
            path: None,
            upstream_url,
            upstream_auth: None,
            upstream_auth_sealed: None,
            openapi_url: None,
            openapi: None,
            auth,
            manifest: ToolManifest::default(),
            verification_tokens: BTreeMap::new(),
            timeouts: BTreeMap::new(),
            state: ToolState::Active,
            declared: false,
            created_at: never,
            updated_at: never,
            version: 0,
        }
    }
}

macro_rules! tool_columns {
    () => {
        columns!("t", ""; id, host, path, upstream_url, upstream_auth, upstream_auth_sealed,
            openapi_url, openapi, auth, manifest, verification_tokens, timeouts, state, declared,
            created_at, updated_at, version)
    };
}

impl Record for ToolRecord {
    const TABLE: &'static str = "tools";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            host: row.opt_text("host")?,
            path: row.opt_text("path")?,
            upstream_url: row.text("upstream_url")?,
            upstream_auth: row.opt_json("upstream_auth")?,
            upstream_auth_sealed: row.opt_bytes("upstream_auth_sealed")?,
            openapi_url: row.opt_text("openapi_url")?,
            openapi: row.opt_text("openapi")?,
            auth: row.json("auth")?,
            manifest: row.json("manifest")?,
            verification_tokens: row.json("verification_tokens")?,
            timeouts: row.json("timeouts")?,
            state: row.id("state")?,
            declared: row.flag("declared")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.int("version")?,
        })
    }
}

/// A plugin at a host whose redirect URI came to a tool's sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCallback {
    /// The tool.
    pub tool: Slug,
    /// What the host calls the plugin.
    pub plugin_id: String,
    /// Whether the owner takes it.
    pub accepted: bool,
    /// When it came last.
    pub seen_at: Timestamp,
}

/// What became of the note that a plugin came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It waits for the owner from now on.
    New,
    /// It is known, and when it came last is written.
    Again,
    /// It is known, and came a moment ago: there is nothing to write.
    Nothing,
    /// There is no place left: there is nothing to write.
    Full,
}

impl Record for ToolCallback {
    const TABLE: &'static str = "tool_callbacks";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            tool: row.id("tool_id")?,
            plugin_id: row.text("plugin_id")?,
            accepted: row.flag("accepted")?,
            seen_at: row.time("seen_at")?,
        })
    }
}

impl Reader {
    /// One tool.
    pub async fn tool(&self, id: &Slug) -> Result<Option<ToolRecord>, Error> {
        let sql = concat!("SELECT ", tool_columns!(), " FROM tools t WHERE t.id = $1");
        self.db.optional(sql, args![id]).await?.map(|row| row.record()).transpose()
    }

    /// All tools by name. An owner has few, and the gate keeps them all.
    pub async fn tools(&self) -> Result<Vec<ToolRecord>, Error> {
        let sql = concat!("SELECT ", tool_columns!(), " FROM tools t ORDER BY t.id");
        self.db.all(sql, Vec::new()).await?.iter().map(Row::record).collect()
    }

    /// The plugins that came to a tool's sign-in, the last one first.
    pub async fn tool_callbacks(&self, tool: &Slug) -> Result<Vec<ToolCallback>, Error> {
        let sql = "SELECT tool_id, plugin_id, accepted, seen_at FROM tool_callbacks \
                   WHERE tool_id = $1 ORDER BY seen_at DESC, plugin_id";
        self.db.all(sql, args![tool]).await?.iter().map(Row::record).collect()
    }

    /// The service tokens of a tool, oldest first, those that were revoked among them.
    pub async fn service_keys(&self, tool: &Slug) -> Result<Vec<KeyRecord>, Error> {
        let sql = concat!(
            "SELECT ",
            crate::keys::key_columns!(),
            " FROM keys k WHERE k.tool_id = $1 AND k.kind = 'tool' ORDER BY k.id"
        );
        self.db.all(sql, args![tool]).await?.iter().map(Row::record).collect()
    }
}

impl Tx {
    /// Makes a tool. A conflict where its name, host or path is taken.
    pub async fn insert_tool(&mut self, tool: &ToolRecord) -> Result<(), Error> {
        let sql = "INSERT INTO tools (id, host, path, upstream_url, upstream_auth, \
                   upstream_auth_sealed, openapi_url, openapi, auth, manifest, \
                   verification_tokens, timeouts, state, declared, created_at, updated_at, \
                   version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
                   $15, $15, 1)";
        let mut args = members(tool)?;
        args.extend(args![self.now]);
        self.execute(sql, args).await?;
        self.announce(EventKind::Tool, tool.id.as_str());
        Ok(())
    }

    /// Changes the tool of this version. A conflict where it is not the version that was read, or
    /// host or path are taken.
    pub async fn update_tool(&mut self, tool: &ToolRecord) -> Result<(), Error> {
        let sql = "UPDATE tools SET host = $2, path = $3, upstream_url = $4, upstream_auth = $5, \
                   upstream_auth_sealed = $6, openapi_url = $7, openapi = $8, auth = $9, \
                   manifest = $10, verification_tokens = $11, timeouts = $12, state = $13, \
                   declared = $14, updated_at = $15, version = version + 1 \
                   WHERE id = $1 AND version = $16";
        let mut args = members(tool)?;
        args.extend(args![self.now, tool.version]);
        self.change_one(sql, args).await?;
        self.announce(EventKind::Tool, tool.id.as_str());
        Ok(())
    }

    /// Removes a tool, and with it every key that opens it alone, whosever it is.
    pub async fn delete_tool(&mut self, id: &Slug) -> Result<(), Error> {
        let keys = self.all("SELECT id FROM keys WHERE tool_id = $1", args![id]).await?;
        self.change_named("DELETE FROM tools WHERE id = $1", args![id]).await?;
        for key in keys {
            self.announce(EventKind::Key, key.text("id")?);
        }
        self.announce(EventKind::Tool, id.as_str());
        Ok(())
    }

    /// Notes that a plugin came to a tool's sign-in, for the owner to decide. Whoever comes later
    /// takes nobody's place: where all are taken, and none for a week, it is not noted.
    pub async fn note_tool_callback(
        &mut self,
        tool: &Slug,
        plugin_id: &str,
    ) -> Result<Noted, Error> {
        let known = "SELECT seen_at FROM tool_callbacks WHERE tool_id = $1 AND plugin_id = $2";
        if let Some(row) = self.optional(known, args![tool, plugin_id]).await? {
            if row.time("seen_at")?.plus(SEEN_EVERY) > self.now {
                return Ok(Noted::Nothing);
            }
            let seen =
                "UPDATE tool_callbacks SET seen_at = $3 WHERE tool_id = $1 AND plugin_id = $2";
            self.execute(seen, args![tool, plugin_id, self.now]).await?;
            return Ok(Noted::Again);
        }
        let count = "SELECT COUNT(*) AS n FROM tool_callbacks WHERE tool_id = $1 AND accepted = 0";
        let waiting =
            self.optional(count, args![tool]).await?.map(|row| row.int("n")).transpose()?;
        if waiting.unwrap_or_default() >= WAITING_MAX {
            let room = "DELETE FROM tool_callbacks WHERE tool_id = $1 AND accepted = 0 \
                        AND seen_at <= $2";
            if self.execute(room, args![tool, self.now.minus(PLACE_KEPT)]).await? == 0 {
                return Ok(Noted::Full);
            }
        }
        let sql = "INSERT INTO tool_callbacks (tool_id, plugin_id, accepted, seen_at) \
                   VALUES ($1, $2, 0, $3)";
        self.execute(sql, args![tool, plugin_id, self.now]).await?;
        Ok(Noted::New)
    }

    /// The owner takes a plugin's sign-ins at a tool, or does not, whether it came before or not.
    pub async fn set_tool_callback(
        &mut self,
        tool: &Slug,
        plugin_id: &str,
        accepted: bool,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO tool_callbacks (tool_id, plugin_id, accepted, seen_at) \
                   VALUES ($1, $2, $3, $4) ON CONFLICT (tool_id, plugin_id) \
                   DO UPDATE SET accepted = excluded.accepted";
        self.execute(sql, args![tool, plugin_id, accepted, self.now]).await?;
        self.announce(EventKind::Tool, tool.as_str());
        Ok(())
    }
}

/// What both statements write, in the order of the columns.
fn members(tool: &ToolRecord) -> Result<Vec<Value>, Error> {
    Ok(args![
        &tool.id,
        tool.host.as_deref(),
        tool.path.as_deref(),
        &tool.upstream_url,
        tool.upstream_auth.as_ref().map(json).transpose()?,
        tool.upstream_auth_sealed.as_deref(),
        tool.openapi_url.as_deref(),
        tool.openapi.as_deref(),
        json(&tool.auth)?,
        json(&tool.manifest)?,
        json(&tool.verification_tokens)?,
        json(&tool.timeouts)?,
        tool.state.as_str(),
        tool.declared,
    ])
}
