//! What `provider …` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::manage_args::{ListArgs, Named};

/// `provider …`.
#[derive(Debug, Subcommand)]
pub enum ProviderVerb {
    /// List sign-in providers
    #[command(after_help = "Example:\n  tollgate provider list")]
    List(ListArgs),
    /// Show a sign-in provider with its redirect URI, not its secret
    #[command(after_help = "Example:\n  tollgate provider show github")]
    Show(Named),
    /// Add a sign-in provider
    #[command(after_help = "Example:\n  tollgate provider add company oidc \\\n    \
                            --issuer https://id.example.com --client-id tollgate \\\n    \
                            --client-secret-file secret.txt")]
    Add(ProviderAdd),
    /// Change a sign-in provider
    #[command(
        visible_alias = "change",
        after_help = "Example:\n  tollgate provider set github --enabled false"
    )]
    Set(ProviderSet),
    /// Delete a sign-in provider; accounts stay linked
    #[command(after_help = "Example:\n  tollgate provider remove github --yes")]
    Remove(Named),
    /// Test a sign-in provider as far as that goes without a person
    #[command(after_help = "Example:\n  tollgate provider test github")]
    Test(Named),
}

/// A new sign-in provider.
#[derive(Debug, Args)]
pub struct ProviderAdd {
    /// Its name in addresses; the redirect URI ends in it
    pub id: String,
    /// What it speaks
    #[arg(value_enum)]
    pub kind: KindName,
    /// What it calls us
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// Everything else.
    #[command(flatten)]
    pub members: ProviderMembers,
}

/// Changes to a sign-in provider.
#[derive(Debug, Args)]
pub struct ProviderSet {
    /// Its name
    pub id: String,
    /// What it speaks
    #[arg(long, value_enum)]
    pub kind: Option<KindName>,
    /// What it calls us
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Take our secret there away
    #[arg(long, conflicts_with_all = ["client_secret_env", "client_secret_file"])]
    pub no_client_secret: bool,
    /// Everything else.
    #[command(flatten)]
    pub members: ProviderMembers,
}

/// What a sign-in provider has. An empty text is as its kind has it.
#[derive(Debug, Default, Args)]
pub struct ProviderMembers {
    /// The environment variable that holds our secret there
    #[arg(long, value_name = "VARIABLE")]
    pub client_secret_env: Option<String>,
    /// The file that holds our secret there; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret_env")]
    pub client_secret_file: Option<PathBuf>,
    /// The name on its button
    #[arg(long)]
    pub name: Option<String>,
    /// The issuer of its ID tokens, exactly as it writes it
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// How the secret is sent: client_secret_basic or client_secret_post
    #[arg(long, value_name = "METHOD")]
    pub auth_method: Option<String>,
    /// An endpoint, as token=https://id.example.com/token; can be given again
    #[arg(long = "endpoint", value_name = "NAME=URL", value_parser = pair)]
    pub endpoints: Vec<(String, String)>,
    /// What the profile calls something, as subject=user_id; can be given again
    #[arg(long = "field", value_name = "NAME=MEMBER", value_parser = pair)]
    pub fields: Vec<(String, String)>,
    /// A scope; can be given again
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Whether people may sign in with it
    #[arg(long, value_name = "BOOL")]
    pub enabled: Option<bool>,
}

/// What a sign-in provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Google.
    Google,
    /// GitHub.
    Github,
    /// Facebook.
    Facebook,
    /// Microsoft.
    Microsoft,
    /// Any of OpenID Connect, by its issuer.
    Oidc,
    /// Any of OAuth 2.0, by its endpoints.
    Oauth2,
}

/// A name and what it is.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
