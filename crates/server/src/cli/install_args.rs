//! What `install …` and `connection …` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::manage_args::{ListArgs, Named};

/// `install …`.
#[derive(Debug, Subcommand)]
pub enum InstallVerb {
    /// List the tools of others that are installed
    #[command(after_help = "Example:\n  tollgate install list")]
    List(ListArgs),
    /// Look at what a tool publishes; nothing is kept
    #[command(after_help = "Example:\n  tollgate install look todo.example.com")]
    Look(InstallLook),
    /// Show a tool: its state, what is missing, what to publish; not its secret
    #[command(after_help = "Example:\n  tollgate install show ID")]
    Show(Named),
    /// Install a tool by its domain
    #[command(
        after_help = "Example:\n  tollgate install add todo.example.com --client-id us \\\n    \
                            --client-secret-file secret.txt"
    )]
    Add(InstallAdd),
    /// Change what is known of a tool
    #[command(
        visible_alias = "change",
        after_help = "Example:\n  tollgate install set ID --confirm-host login.example.org"
    )]
    Set(InstallSet),
    /// Look for our verification token at the tool's domain
    #[command(after_help = "Example:\n  tollgate install verify ID")]
    Verify(Named),
    /// Accept what was found at a tool's domain, as it was seen
    #[command(after_help = "Example:\n  tollgate install accept ID HASH")]
    Accept(InstallAccept),
    /// Remove a tool, with all connections to it
    #[command(after_help = "Example:\n  tollgate install remove ID --yes")]
    Remove(Named),
}

/// A tool to look at.
#[derive(Debug, Args)]
pub struct InstallLook {
    /// Its domain, or the address of its manifest
    pub domain: String,
}

/// What is accepted.
#[derive(Debug, Args)]
pub struct InstallAccept {
    /// The tool's id
    pub id: String,
    /// The hash of what was found, as `install show` has it
    pub hash: String,
}

/// A tool to install.
#[derive(Debug, Args)]
pub struct InstallAdd {
    /// Its domain, or the address of its manifest
    pub domain: String,
    /// The hash that a look gave: nothing else is installed
    #[arg(long)]
    pub hash: Option<String>,
    /// What the owner knows.
    #[command(flatten)]
    pub secrets: InstallSecrets,
}

/// Changes of a tool. An empty text is as the manifest has it.
#[derive(Debug, Args)]
pub struct InstallSet {
    /// Its id
    pub id: String,
    /// What the owner knows.
    #[command(flatten)]
    pub secrets: InstallSecrets,
    /// Where browsers are sent to sign in
    #[arg(long, value_name = "URL")]
    pub client_url: Option<String>,
    /// The token endpoint
    #[arg(long, value_name = "URL")]
    pub authorization_url: Option<String>,
    /// What is asked for
    #[arg(long)]
    pub scope: Option<String>,
    /// Whether PKCE is sent along
    #[arg(long, value_name = "BOOL")]
    pub pkce: Option<bool>,
    /// Whether the tool may send browsers back without state
    #[arg(long, value_name = "BOOL")]
    pub state_optional: Option<bool>,
    /// Stop all calls until it is verified again
    #[arg(long)]
    pub suspend: bool,
}

/// What a tool's maker gave the owner.
#[derive(Debug, Default, Args)]
pub struct InstallSecrets {
    /// The environment variable that holds the service token
    #[arg(long, value_name = "VARIABLE")]
    pub service_token_env: Option<String>,
    /// The file that holds the service token; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "service_token_env")]
    pub service_token_file: Option<PathBuf>,
    /// What the tool calls us
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The environment variable that holds our secret there
    #[arg(long, value_name = "VARIABLE")]
    pub client_secret_env: Option<String>,
    /// The file that holds our secret there; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret_env")]
    pub client_secret_file: Option<PathBuf>,
    /// A host on another domain that is meant to sign people in; can be given again
    #[arg(long = "confirm-host", value_name = "HOST")]
    pub confirm_hosts: Vec<String>,
}

/// `connection …`.
#[derive(Debug, Subcommand)]
pub enum ConnectionVerb {
    /// List people's connections to installed tools
    #[command(after_help = "Example:\n  tollgate connection list")]
    List(ConnectionList),
    /// Show a connection, not its credential
    #[command(after_help = "Example:\n  tollgate connection show ID")]
    Show(Named),
    /// End a connection: its credential is gone
    #[command(after_help = "Example:\n  tollgate connection remove ID --yes")]
    Remove(Named),
}

/// Which connections.
#[derive(Debug, Default, Args)]
pub struct ConnectionList {
    /// Those to this tool
    #[arg(long, value_name = "ID")]
    pub install: Option<String>,
    /// How many.
    #[command(flatten)]
    pub page: ListArgs,
}
