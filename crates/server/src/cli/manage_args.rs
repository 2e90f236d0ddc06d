//! What the verbs of management take.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub use super::amount_args::*;
pub use super::profile_args::*;

/// `user …`.
#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// List people
    #[command(after_help = "Example:\n  tollgate user list")]
    List(ListArgs),
    /// Show a person
    #[command(after_help = "Example:\n  tollgate user show ada@example.com")]
    Show(Named),
    /// Add a person and print a link to come in; with --json or --quiet without one
    #[command(after_help = "Example:\n  tollgate user add ada@example.com --name Ada")]
    Add(UserAdd),
    /// Add the people of a CSV file, with their passwords from another system
    #[command(after_help = "Example:\n  tollgate user import people.csv")]
    Import(UserImport),
    /// Change a person
    #[command(after_help = "Example:\n  tollgate user set ada@example.com --plan standard")]
    Set(UserSet),
    /// Print a one-time link for a person
    #[command(after_help = "Example:\n  tollgate user link ada@example.com --purpose reset")]
    Link(UserLink),
    /// Delete a person, with all keys and sessions
    #[command(after_help = "Example:\n  tollgate user remove ada@example.com --yes")]
    Remove(Named),
}

/// A new person.
#[derive(Debug, Args)]
pub struct UserAdd {
    /// The e-mail address
    pub email: String,
    /// Name, role, plan and groups.
    #[command(flatten)]
    pub members: UserMembers,
    /// The password from elsewhere.
    #[command(flatten)]
    pub hash: UserHash,
}

/// People from another system.
#[derive(Debug, Args)]
pub struct UserImport {
    /// The file; - is stdin. Its first line names the columns: email, and of name, password_hash,
    /// locale, role, plan, groups (with blanks between) and external_id those that there are
    pub file: PathBuf,
}

/// The password that a person has elsewhere. Never on the command line itself.
#[derive(Debug, Default, Args)]
pub struct UserHash {
    /// The environment variable that holds the bcrypt hash of the password
    #[arg(long, value_name = "VARIABLE")]
    pub password_hash_env: Option<String>,
    /// The file that holds the bcrypt hash of the password; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "password_hash_env")]
    pub password_hash_file: Option<PathBuf>,
}

/// Changes to a person.
#[derive(Debug, Args)]
pub struct UserSet {
    /// Id or e-mail address
    pub user: String,
    /// Another e-mail address
    #[arg(long)]
    pub email: Option<String>,
    /// Whether the person may sign in and call
    #[arg(long, value_enum)]
    pub state: Option<AccountState>,
    /// Name, role, plan and groups.
    #[command(flatten)]
    pub members: UserMembers,
    /// The password from elsewhere.
    #[command(flatten)]
    pub hash: UserHash,
}

/// What a person has.
#[derive(Debug, Default, Args)]
pub struct UserMembers {
    /// The name that is shown
    #[arg(long)]
    pub name: Option<String>,
    /// What the person may do here
    #[arg(long, value_enum)]
    pub role: Option<RoleName>,
    /// The plan; an empty text takes it away
    #[arg(long)]
    pub plan: Option<String>,
    /// A group the person is in; can be given again; an empty text: none
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// What goes into their calls of models, before what their plan says.
    #[command(flatten)]
    pub profile: ProfileArgs,
}

/// Whether the credentials of a person or an app count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccountState {
    /// They may.
    Active,
    /// They may not.
    Disabled,
}

/// What a person may do in the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Uses what the plan allows.
    Member,
    /// Manages everything but owners.
    Admin,
    /// Manages everything.
    Owner,
}

/// A link for a person.
#[derive(Debug, Args)]
pub struct UserLink {
    /// Id or e-mail address
    pub user: String,
    /// What the link is for
    #[arg(long, value_enum, default_value = "sign_in")]
    pub purpose: Purpose,
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Purpose {
    /// Signing in once.
    SignIn,
    /// Setting a new password.
    Reset,
    /// Coming in for the first time.
    Invite,
}

/// `group …`.
#[derive(Debug, Subcommand)]
pub enum GroupVerb {
    /// List groups
    #[command(after_help = "Example:\n  tollgate group list")]
    List(ListArgs),
    /// Show a group
    #[command(after_help = "Example:\n  tollgate group show research")]
    Show(Named),
    /// Add a group
    #[command(after_help = "Example:\n  tollgate group add research --pool money:5e9:month")]
    Add(GroupMembers),
    /// Change a group
    #[command(after_help = "Example:\n  tollgate group set research --priority 10")]
    Set(GroupMembers),
    /// Delete a group
    #[command(after_help = "Example:\n  tollgate group remove research --yes")]
    Remove(Named),
}

/// What a group has.
#[derive(Debug, Args)]
pub struct GroupMembers {
    /// The group
    pub id: String,
    /// The name that is shown
    #[arg(long)]
    pub name: Option<String>,
    /// The plan of its members; an empty text takes it away
    #[arg(long)]
    pub plan: Option<String>,
    /// Of several groups of a person, the highest counts
    #[arg(long, allow_negative_numbers = true)]
    pub priority: Option<i32>,
    /// A budget that the members share; can be given again
    #[arg(long, value_name = "UNIT:LIMIT:PERIOD")]
    pub pool: Vec<BudgetArg>,
    /// Take the shared budgets away
    #[arg(long, conflicts_with = "pool")]
    pub no_pool: bool,
    /// A member, by id or e-mail address; can be given again; an empty text: none
    #[arg(long = "member", value_name = "USER")]
    pub members: Vec<String>,
}

/// `plan …`.
#[derive(Debug, Subcommand)]
pub enum PlanVerb {
    /// List plans
    #[command(after_help = "Example:\n  tollgate plan list")]
    List(ListArgs),
    /// Show a plan
    #[command(after_help = "Example:\n  tollgate plan show standard")]
    Show(Named),
    /// Add a plan
    #[command(after_help = "Example:\n  tollgate plan add small --model 'gpt-4o*' \\\n    \
                            --budget tokens:100000:day --requests-per-minute 20")]
    Add(PlanMembers),
    /// Change a plan
    #[command(after_help = "Example:\n  tollgate plan set small --concurrent 4")]
    Set(PlanMembers),
    /// Delete a plan
    #[command(after_help = "Example:\n  tollgate plan remove small --yes")]
    Remove(Named),
}

/// What a plan has.
#[derive(Debug, Args)]
pub struct PlanMembers {
    /// The plan
    pub id: String,
    /// A model, or the beginning of names with a * after it; can be given again
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// A tool that members may call, or * for all; can be given again
    #[arg(long = "tool", value_name = "TOOL")]
    pub tools: Vec<String>,
    /// Rates.
    #[command(flatten)]
    pub rates: RatesArgs,
    /// A budget of each member; can be given again
    #[arg(long = "budget", value_name = "UNIT:LIMIT:PERIOD")]
    pub budgets: Vec<BudgetArg>,
    /// Take the budgets away
    #[arg(long, conflicts_with = "budgets")]
    pub no_budgets: bool,
    /// The time zone of its days, weeks and months
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// The output ceiling of each call
    #[arg(long, value_name = "TOKENS")]
    pub max_output_tokens: Option<u32>,
    /// What goes into members' calls of models.
    #[command(flatten)]
    pub profile: ProfileArgs,
}

/// `upstream …`.
#[derive(Debug, Subcommand)]
pub enum UpstreamVerb {
    /// List upstreams
    #[command(after_help = "Example:\n  tollgate upstream list")]
    List(ListArgs),
    /// Show an upstream, not its key
    #[command(after_help = "Example:\n  tollgate upstream show openai")]
    Show(Named),
    /// Add an upstream
    #[command(after_help = "Example:\n  tollgate upstream add local http://127.0.0.1:8080/v1")]
    Add(UpstreamAdd),
    /// Change an upstream
    #[command(after_help = "Example:\n  tollgate upstream set openai --api-key-file key.txt")]
    Set(UpstreamSet),
    /// Delete an upstream
    #[command(after_help = "Example:\n  tollgate upstream remove local --yes")]
    Remove(Named),
}

/// A new upstream.
#[derive(Debug, Args)]
pub struct UpstreamAdd {
    /// Its name
    pub id: String,
    /// Where its routes start, usually ending in /v1
    pub base_url: String,
    /// Key and header.
    #[command(flatten)]
    pub key: UpstreamKey,
}

/// Changes to an upstream.
#[derive(Debug, Args)]
pub struct UpstreamSet {
    /// Its name
    pub id: String,
    /// Where its routes start
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Take our key there away
    #[arg(long, conflicts_with_all = ["api_key_env", "api_key_file"])]
    pub no_api_key: bool,
    /// Key and header.
    #[command(flatten)]
    pub key: UpstreamKey,
}

/// Our key at an upstream. Never on the command line itself, where others can read it.
#[derive(Debug, Default, Args)]
pub struct UpstreamKey {
    /// The environment variable that holds our key there
    #[arg(long, value_name = "VARIABLE")]
    pub api_key_env: Option<String>,
    /// The file that holds our key there; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "api_key_env")]
    pub api_key_file: Option<PathBuf>,
    /// The header that takes the key bare; an empty text: Authorization: Bearer
    #[arg(long, value_name = "NAME")]
    pub header: Option<String>,
}

/// `model …`.
#[derive(Debug, Subcommand)]
pub enum ModelVerb {
    /// List models and aliases with their prices
    #[command(after_help = "Example:\n  tollgate model list")]
    List(ListArgs),
    /// Make or change an alias
    #[command(after_help = "Example:\n  tollgate model set small openai gpt-4o-mini")]
    Set(ModelSet),
    /// Delete an alias
    #[command(after_help = "Example:\n  tollgate model remove small --yes")]
    Remove(Named),
}

/// An alias of a model.
#[derive(Debug, Args)]
pub struct ModelSet {
    /// The name that callers use
    pub alias: String,
    /// The upstream
    pub upstream: String,
    /// The model's name there
    pub model: String,
    /// A budget over all its calls; can be given again; without one they stay
    #[arg(long = "budget", value_name = "UNIT:LIMIT:PERIOD")]
    pub budgets: Vec<BudgetArg>,
    /// Take the budgets away
    #[arg(long, conflicts_with = "budgets")]
    pub no_budgets: bool,
}

/// One object, by its id (or the e-mail address of a person).
#[derive(Debug, Args)]
pub struct Named {
    /// Which one
    pub id: String,
}

/// Which part of a list.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// So many at most [default: all]
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u32>,
    /// Where the last list ended
    #[arg(long)]
    pub cursor: Option<String>,
}
