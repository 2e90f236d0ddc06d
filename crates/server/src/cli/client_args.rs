//! `client …` and `rotate …`: what apps and the keys of tokens take on the command line.

use clap::{Args, Subcommand, ValueEnum};

use super::manage_args::{AccountState, ListArgs, Named};

/// `client …`.
#[derive(Debug, Subcommand)]
pub enum ClientVerb {
    /// List apps
    #[command(after_help = "Example:\n  tollgate client list")]
    List(ListArgs),
    /// Show an app
    #[command(after_help = "Example:\n  tollgate client show 01938f5e-...")]
    Show(Named),
    /// Add an app; a confidential one is shown with its secret, once
    #[command(after_help = "Example:\n  tollgate client add flask --plan standard \\\n    \
                            --redirect-uri https://app.example.com/callback")]
    Add(ClientAdd),
    /// Change an app
    #[command(after_help = "Example:\n  tollgate client set 01938f5e-... --plan small")]
    Set(ClientSet),
    /// Give an app a new secret, shown once; the one before ends at once
    #[command(after_help = "Example:\n  tollgate client secret 01938f5e-...")]
    Secret(Named),
    /// Delete an app, with its keys and all that it was allowed
    #[command(after_help = "Example:\n  tollgate client remove 01938f5e-... --yes")]
    Remove(Named),
}

/// Whether an app can keep a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientType {
    /// It cannot: it runs in a browser or on a person's machine
    Public,
    /// It can: it runs on a server
    Confidential,
}

/// A new app.
#[derive(Debug, Args)]
pub struct ClientAdd {
    /// The name that is shown
    pub name: String,
    /// Its plan; without one it calls no model
    #[arg(long)]
    pub plan: Option<String>,
    /// Whether it can keep a secret [default: confidential]
    #[arg(long = "type", value_enum)]
    pub kind: Option<ClientType>,
    /// What it needs to sign people in.
    #[command(flatten)]
    pub oauth: ClientOAuth,
}

/// Changes to an app.
#[derive(Debug, Args)]
pub struct ClientSet {
    /// Its id
    pub id: String,
    /// Another name
    #[arg(long)]
    pub name: Option<String>,
    /// The plan; an empty text takes it away
    #[arg(long)]
    pub plan: Option<String>,
    /// Whether its credentials count
    #[arg(long, value_enum)]
    pub state: Option<AccountState>,
    /// What it needs to sign people in.
    #[command(flatten)]
    pub oauth: ClientOAuth,
}

/// What an app needs to sign people in. An empty text alone empties a list.
#[derive(Debug, Default, Args)]
pub struct ClientOAuth {
    /// Where people may be sent back to; can be given again
    #[arg(long, value_name = "URI")]
    pub redirect_uri: Vec<String>,
    /// Where people may be sent back to after a sign-out; can be given again
    #[arg(long, value_name = "URI")]
    pub post_logout_redirect_uri: Vec<String>,
    /// A grant type that it may use; can be given again
    #[arg(long, value_name = "TYPE")]
    pub grant: Vec<String>,
    /// A scope that it may have; can be given again
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// An address that its tokens may be for; can be given again
    #[arg(long, value_name = "URI")]
    pub resource: Vec<String>,
    /// An origin of its pages; can be given again
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Whether it may come without PKCE and with JSON bodies
    #[arg(long, value_name = "BOOL")]
    pub legacy: Option<bool>,
    /// Whether it may name its people in the header Tollgate-User
    #[arg(long, value_name = "BOOL")]
    pub user_header: Option<bool>,
    /// How long its access tokens last, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub access_token_s: Option<u32>,
    /// How long what a person allowed it lasts, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub refresh_token_s: Option<u32>,
}

/// `rotate …`.
#[derive(Debug, Subcommand)]
pub enum RotateVerb {
    /// Make new keys for tokens; the ones before stay until their last token has ended
    #[command(after_help = "Example:\n  tollgate rotate signing-keys")]
    SigningKeys(RotateKeys),
}

/// How keys are replaced.
#[derive(Debug, Args)]
pub struct RotateKeys {
    /// After how many seconds the new keys sign; until then they are only published
    #[arg(long, value_name = "SECONDS", default_value_t = 1_200, conflicts_with = "revoke")]
    pub lead_s: u32,
    /// For keys that were stolen: remove the ones before at once, with all that they signed
    #[arg(long)]
    pub revoke: bool,
}
