//! What `tool …` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::manage_args::{ListArgs, Named};

/// `tool …`.
#[derive(Debug, Subcommand)]
pub enum ToolVerb {
    /// List tools
    #[command(after_help = "Example:\n  tollgate tool list")]
    List(ListArgs),
    /// Show a tool with its address
    #[command(after_help = "Example:\n  tollgate tool show todo")]
    Show(Named),
    /// Offer an API as a tool
    #[command(after_help = "Example:\n  tollgate tool add todo http://127.0.0.1:9000 \\\n    \
                            --auth user_http --host todo.example.com \\\n    \
                            --openapi-url http://127.0.0.1:9000/openapi.yaml")]
    Add(ToolAdd),
    /// Change a tool
    #[command(
        visible_alias = "change",
        after_help = "Example:\n  tollgate tool set todo --auth service_http"
    )]
    Set(ToolSet),
    /// Remove a tool, with its service tokens and all keys for it
    #[command(visible_alias = "rm", after_help = "Example:\n  tollgate tool remove todo --yes")]
    Remove(Named),
    /// Tokens of the services that call a tool
    #[command(subcommand, after_help = "Example:\n  tollgate tool token add todo openai")]
    Token(ToolTokenVerb),
    /// What services look for in a tool's manifest
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate tool verification set todo openai 8f3c..."
    )]
    Verification(ToolVerificationVerb),
    /// Plugins at a host that came to a tool's sign-in
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate tool callback accept todo plugin-01938f5e-..."
    )]
    Callback(ToolCallbackVerb),
}

/// A new tool.
#[derive(Debug, Args)]
pub struct ToolAdd {
    /// Its name
    pub id: String,
    /// Where its API is; the paths of calls are put behind it
    pub upstream_url: String,
    /// Everything else.
    #[command(flatten)]
    pub members: Box<ToolMembers>,
}

/// Changes to a tool.
#[derive(Debug, Args)]
pub struct ToolSet {
    /// Its name
    pub id: String,
    /// Where its API is
    #[arg(long, value_name = "URL")]
    pub upstream_url: Option<String>,
    /// Let it answer, or not
    #[arg(long, value_enum)]
    pub state: Option<ToolStateName>,
    /// Take what we send to its API away
    #[arg(long, conflicts_with_all = ["upstream_header", "upstream_user"])]
    pub no_upstream_auth: bool,
    /// Everything else.
    #[command(flatten)]
    pub members: Box<ToolMembers>,
}

/// What a tool has. An empty text takes a member away.
#[derive(Debug, Default, Args)]
pub struct ToolMembers {
    /// The host name of its own
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// The path of its own; / is the root of the public origin
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// The header in which we send its API a secret
    #[arg(long, value_name = "HEADER", conflicts_with = "upstream_user")]
    pub upstream_header: Option<String>,
    /// The user as whom we come to its API, by basic authentication
    #[arg(long, value_name = "USER")]
    pub upstream_user: Option<String>,
    /// The environment variable that holds the header's value or the password
    #[arg(long, value_name = "VARIABLE")]
    pub upstream_secret_env: Option<String>,
    /// The file that holds it; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "upstream_secret_env")]
    pub upstream_secret_file: Option<PathBuf>,
    /// Where its OpenAPI document is fetched from
    #[arg(long, value_name = "URL")]
    pub openapi_url: Option<String>,
    /// The file of its OpenAPI document
    #[arg(long, value_name = "FILE", conflicts_with = "openapi_url")]
    pub openapi: Option<PathBuf>,
    /// How callers say who they are
    #[arg(long, value_enum)]
    pub auth: Option<AuthName>,
    /// In which scheme a token or key comes: bearer or basic
    #[arg(long, value_name = "SCHEME")]
    pub authorization_type: Option<String>,
    /// The scopes that a token needs, with blanks between them
    #[arg(long)]
    pub scope: Option<String>,
    /// The form of token requests: application/json or application/x-www-form-urlencoded
    #[arg(long, value_name = "TYPE")]
    pub authorization_content_type: Option<String>,
    /// Something that the manifest says, as contact_email=help@example.com; can be given again
    #[arg(long = "manifest", value_name = "MEMBER=TEXT", value_parser = pair)]
    pub manifest: Vec<(String, String)>,
}

/// How callers say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthName {
    /// Not at all.
    None,
    /// Each service by a token of its own.
    #[value(name = "service_http")]
    ServiceHttp,
    /// Each person by a key of their own.
    #[value(name = "user_http")]
    UserHttp,
    /// By signing in.
    Oauth,
}

/// Whether a tool answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ToolStateName {
    /// It does.
    Active,
    /// It does not.
    Disabled,
}

/// `tool token …`.
#[derive(Debug, Subcommand)]
pub enum ToolTokenVerb {
    /// List the tokens of services
    #[command(after_help = "Example:\n  tollgate tool token list todo")]
    List(OfTool),
    /// Make a token for a service and print it, once
    #[command(after_help = "Example:\n  tollgate tool token add todo openai")]
    Add(ToolTokenAdd),
    /// Give a service another token; the old one works on for a while
    #[command(after_help = "Example:\n  tollgate tool token rotate todo openai --overlap-s 3600")]
    Rotate(ToolTokenRotate),
    /// Cut a service off, within a second
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  tollgate tool token remove todo openai --yes"
    )]
    Remove(ToolService),
}

/// Of which tool.
#[derive(Debug, Args)]
pub struct OfTool {
    /// The tool
    pub tool: String,
}

/// A service of a tool.
#[derive(Debug, Args)]
pub struct ToolService {
    /// The tool
    pub tool: String,
    /// The service
    pub service: String,
}

/// A token for a service.
#[derive(Debug, Args)]
pub struct ToolTokenAdd {
    /// Tool and service.
    #[command(flatten)]
    pub of: ToolService,
    /// A token that is in use already.
    #[command(flatten)]
    pub given: GivenToken,
}

/// Another token for a service.
#[derive(Debug, Args)]
pub struct ToolTokenRotate {
    /// Tool and service.
    #[command(flatten)]
    pub of: ToolService,
    /// How long the old one works on, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub overlap_s: u32,
    /// A token that is in use already.
    #[command(flatten)]
    pub given: GivenToken,
}

/// A token that is in use already, in place of one that is made.
#[derive(Debug, Default, Args)]
pub struct GivenToken {
    /// The environment variable that holds a token to take over
    #[arg(long, value_name = "VARIABLE")]
    pub token_env: Option<String>,
    /// The file that holds it; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub token_file: Option<PathBuf>,
}

/// `tool verification …`.
#[derive(Debug, Subcommand)]
pub enum ToolVerificationVerb {
    /// Publish what a service looks for
    #[command(after_help = "Example:\n  tollgate tool verification set todo openai 8f3c...")]
    Set(VerificationSet),
    /// Publish it no longer
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  tollgate tool verification remove todo openai --yes"
    )]
    Remove(ToolService),
}

/// What a service looks for.
#[derive(Debug, Args)]
pub struct VerificationSet {
    /// Tool and service.
    #[command(flatten)]
    pub of: ToolService,
    /// What the service gave you; it is public
    pub token: String,
}

/// `tool callback …`.
#[derive(Debug, Subcommand)]
pub enum ToolCallbackVerb {
    /// List the plugins that came
    #[command(after_help = "Example:\n  tollgate tool callback list todo")]
    List(OfTool),
    /// Take a plugin's sign-ins
    #[command(after_help = "Example:\n  tollgate tool callback accept todo plugin-01938f5e-...")]
    Accept(PluginOf),
    /// Take them no more
    #[command(after_help = "Example:\n  tollgate tool callback refuse todo plugin-01938f5e-...")]
    Refuse(PluginOf),
}

/// A plugin at a tool.
#[derive(Debug, Args)]
pub struct PluginOf {
    /// The tool
    pub tool: String,
    /// What the host calls the plugin
    pub plugin_id: String,
}

/// A name and what it is.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write MEMBER=TEXT")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
