//! What the command line takes. Each verb's help ends with an example.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use super::client_args::*;
pub use super::figure_args::*;
pub use super::install_args::*;
pub use super::key_args::*;
pub use super::manage_args::*;
pub use super::provider_args::*;
pub use super::tool_args::*;

/// The authentication layer for AI applications: one server, one binary, one data folder.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Example:\n  tollgate demo"
)]
pub struct Cli {
    /// What holds for all verbs.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of all verbs.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The configuration file; without one everything has a default
    #[arg(long, global = true, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Print ids or secrets only, and nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Do not ask before something is deleted or ended
    #[arg(long, short, global = true)]
    pub yes: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the server
    #[command(after_help = "Example:\n  OPENAI_API_KEY=sk-... tollgate serve")]
    Serve(ServeArgs),
    /// Run a throw-away server with a demo model and account, and show a call
    #[command(after_help = "Example:\n  tollgate demo")]
    Demo(DemoArgs),
    /// Make the first owner, with an admin key and a link to sign in
    #[command(after_help = "Example:\n  tollgate init --owner ada@example.com --json")]
    Init(InitArgs),
    /// Verbs that ask a running server.
    #[command(flatten)]
    Manage(ManageVerb),
    /// The configuration
    #[command(subcommand, after_help = "Example:\n  tollgate config show --origin")]
    Config(ConfigVerb),
    /// Bring the store to this version's form
    #[command(after_help = "Example:\n  tollgate migrate --config tollgate.toml")]
    Migrate,
    /// Print a shell's completions
    #[command(after_help = "Example:\n  tollgate completions bash > tollgate.bash")]
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(after_help = "Example:\n  tollgate man > tollgate.1")]
    Man,
    /// Look at the installation: what is wrong, and what to do about it
    #[command(after_help = "Example:\n  tollgate doctor --config tollgate.toml")]
    Doctor,
    /// Ask a running server whether it is ready; for containers
    #[command(after_help = "Example:\n  tollgate healthcheck")]
    Healthcheck(HealthcheckArgs),
    /// Print the version
    #[command(after_help = "Example:\n  tollgate version --json")]
    Version,
    /// Run the demo model as a process of its own
    #[command(hide = true, after_help = "Example:\n  tollgate demo-model --meter meter.jsonl")]
    DemoModel(DemoModelArgs),
    /// Run the demo's todo API as a process of its own
    #[command(hide = true, after_help = "Example:\n  tollgate demo-todo --listen 127.0.0.1:9000")]
    DemoTodo(DemoTodoArgs),
}

/// What a running server is asked for, by the management API.
#[derive(Debug, Subcommand)]
pub enum ManageVerb {
    /// People
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate user add ada@example.com --plan standard"
    )]
    User(UserVerb),
    /// Groups of people, with a plan and a pool
    #[command(subcommand, after_help = "Example:\n  tollgate group add research --plan standard")]
    Group(GroupVerb),
    /// Plans: models, rates, budgets
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate plan add small --budget tokens:100000:day"
    )]
    Plan(PlanVerb),
    /// API keys
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate key add laptop --user ada@example.com"
    )]
    Key(KeyVerb),
    /// Apps: they call models for themselves, and sign people in
    #[command(subcommand, after_help = "Example:\n  tollgate client add bot --plan standard")]
    Client(ClientVerb),
    /// Model providers
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate upstream add openai https://api.openai.com/v1 \\\n    \
                      --api-key-env OPENAI_API_KEY"
    )]
    Upstream(UpstreamVerb),
    /// Sign-in providers: Google, GitHub, or any of OpenID Connect or OAuth 2.0
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate provider add github github --client-id ID \\\n    \
                      --client-secret-env GITHUB_CLIENT_SECRET"
    )]
    Provider(ProviderVerb),
    /// APIs that are offered to AI clients
    #[command(
        subcommand,
        after_help = "Example:\n  tollgate tool add todo http://127.0.0.1:9000 \\\n    \
                      --openapi-url http://127.0.0.1:9000/openapi.yaml"
    )]
    Tool(ToolVerb),
    /// Tools of others: installed by domain, called for people
    #[command(subcommand, after_help = "Example:\n  tollgate install look todo.example.com")]
    Install(InstallVerb),
    /// People's connections to installed tools
    #[command(subcommand, after_help = "Example:\n  tollgate connection list")]
    Connection(ConnectionVerb),
    /// Models and their aliases
    #[command(subcommand, after_help = "Example:\n  tollgate model set small openai gpt-4o-mini")]
    Model(ModelVerb),
    /// Keys that are replaced
    #[command(subcommand, after_help = "Example:\n  tollgate rotate signing-keys")]
    Rotate(RotateVerb),
    /// Signed-in browsers
    #[command(subcommand, after_help = "Example:\n  tollgate session list")]
    Session(SessionVerb),
    /// Settings of the installation: sign-up, default plan, budgets
    #[command(subcommand, after_help = "Example:\n  tollgate settings show")]
    Settings(SettingsVerb),
    /// Entries: what became of each call
    #[command(subcommand, after_help = "Example:\n  tollgate entry list --limit 20")]
    Entry(EntryVerb),
    /// Who did what to what, newest first
    #[command(after_help = "Example:\n  tollgate audit --action key.revoke")]
    Audit(AuditArgs),
    /// What was used
    #[command(after_help = "Example:\n  tollgate usage --by day,model --from 2026-11-01")]
    Usage(UsageArgs),
    /// What is left of each budget; of those that are shared, unless somebody is named
    #[command(after_help = "Example:\n  tollgate limits --user ada@example.com")]
    Limits(LimitsArgs),
}

/// `serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The origin that people and apps use
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The folder of all data
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// A CSV file of prices that go before the embedded ones
    #[arg(long, value_name = "FILE")]
    pub prices: Option<String>,
    /// Any other key of the configuration; can be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// `demo`.
#[derive(Debug, Default, Args)]
pub struct DemoArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: String,
    /// Make the call, show its entry, and end
    #[arg(long)]
    pub once: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The owner's e-mail address
    #[arg(long, value_name = "EMAIL")]
    pub owner: String,
}

/// `usage`.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// The first day or moment [default: 30 days ago]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The last day, or the first moment after
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// What to sum by
    #[arg(long, value_delimiter = ',', default_value = "day,model")]
    pub by: Vec<UsageBy>,
    /// Of this person alone, by id or e-mail address
    #[arg(long)]
    pub user: Option<String>,
    /// Of this key alone
    #[arg(long)]
    pub key: Option<String>,
    /// Of this app alone
    #[arg(long)]
    pub client: Option<String>,
    /// Of members of this group alone
    #[arg(long)]
    pub group: Option<String>,
    /// For this model alone
    #[arg(long)]
    pub model: Option<String>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// What usage can be summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UsageBy {
    /// Days in UTC.
    Day,
    /// Models.
    Model,
    /// Keys.
    Key,
    /// People.
    User,
    /// Groups.
    Group,
    /// Apps.
    Client,
}

/// `limits`.
#[derive(Debug, Args)]
pub struct LimitsArgs {
    /// Of this person, by id or e-mail address
    #[arg(long, group = "whose")]
    pub user: Option<String>,
    /// Of this app
    #[arg(long, group = "whose")]
    pub client: Option<String>,
    /// Of calls with this key, by its id
    #[arg(long, group = "whose")]
    pub key: Option<String>,
    /// That the members of this group share
    #[arg(long, group = "whose")]
    pub group: Option<String>,
    /// Of this model alias
    #[arg(long, group = "whose")]
    pub model: Option<String>,
    /// Of the key in this environment variable, asked for with that key
    #[arg(long, value_name = "VARIABLE", group = "whose")]
    pub key_env: Option<String>,
}

/// `config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Tell every mistake in the configuration
    #[command(after_help = "Example:\n  tollgate config check --config tollgate.toml")]
    Check,
    /// Print every setting; secrets are left out
    #[command(after_help = "Example:\n  tollgate config show --origin")]
    Show {
        /// Tell where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON Schema of the file
    #[command(after_help = "Example:\n  tollgate config schema > tollgate.schema.json")]
    Schema,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// The server's origin on this machine [default: the socket in the data folder]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// `demo-model`.
#[derive(Debug, Args)]
pub struct DemoModelArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The file that gets a line of JSON for each finished or cut call
    #[arg(long, value_name = "FILE")]
    pub meter: Option<PathBuf>,
    /// The key that callers must present
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
}

/// `demo-todo`.
#[derive(Debug, Args)]
pub struct DemoTodoArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("should be like server.shutdown_s=10")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
