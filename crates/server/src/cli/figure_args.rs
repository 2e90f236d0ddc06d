//! What the verbs take that look at what happened, at sessions and at settings.

use clap::{Args, Subcommand, ValueEnum};

use super::amount_args::BudgetArg;
use super::manage_args::{ListArgs, Named};

/// `entry …`.
#[derive(Debug, Subcommand)]
pub enum EntryVerb {
    /// List entries, newest first: one for each attempt of each call
    #[command(after_help = "Example:\n  tollgate entry list --state open --limit 20")]
    List(Box<EntryList>),
    /// Give a crash reserve back to its budget
    #[command(after_help = "Example:\n  tollgate entry release 01938f5e-... --yes")]
    Release(Named),
}

/// Which entries.
#[derive(Debug, Default, Args)]
pub struct EntryList {
    /// From this moment on, like 2026-11-21T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Of this person, by id or e-mail address
    #[arg(long)]
    pub user: Option<String>,
    /// Of this app
    #[arg(long)]
    pub client: Option<String>,
    /// Of this key
    #[arg(long)]
    pub key: Option<String>,
    /// Of members of this group
    #[arg(long)]
    pub group: Option<String>,
    /// For this model
    #[arg(long)]
    pub model: Option<String>,
    /// At this upstream
    #[arg(long)]
    pub upstream: Option<String>,
    /// In this state
    #[arg(long, value_enum)]
    pub state: Option<EntryStateName>,
    /// Of this call
    #[arg(long, value_name = "ID")]
    pub call: Option<String>,
    /// Of the answer with this x-request-id
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// Charged to this budget, as crash reserves are
    #[arg(long)]
    pub budget: Option<String>,
    /// Pages.
    #[command(flatten)]
    pub list: ListArgs,
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum EntryStateName {
    /// In flight.
    Open,
    /// Charged what the upstream reported.
    Settled,
    /// Charged a bound.
    Estimated,
    /// Cut off by a crash.
    Interrupted,
    /// What a crash may have hidden.
    CrashReserve,
    /// Nothing charged.
    Failed,
}

/// `audit`.
#[derive(Debug, Default, Args)]
pub struct AuditArgs {
    /// By this actor, like user:01938f5e-...
    #[arg(long)]
    pub actor: Option<String>,
    /// Of this kind, like plan.update
    #[arg(long)]
    pub action: Option<String>,
    /// Done to this, like plan:standard
    #[arg(long)]
    pub target: Option<String>,
    /// Pages.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `session …`.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// List signed-in browsers
    #[command(after_help = "Example:\n  tollgate session list --user ada@example.com")]
    List(SessionList),
    /// Sign a browser out, within a second
    #[command(after_help = "Example:\n  tollgate session end 01938f5e-... --yes")]
    End(Named),
}

/// Whose sessions.
#[derive(Debug, Default, Args)]
pub struct SessionList {
    /// Of this person, by id or e-mail address
    #[arg(long)]
    pub user: Option<String>,
    /// Pages.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `settings …`.
#[derive(Debug, Subcommand)]
pub enum SettingsVerb {
    /// Show the settings of the installation
    #[command(after_help = "Example:\n  tollgate settings show")]
    Show,
    /// Change settings
    #[command(after_help = "Example:\n  tollgate settings set --registration open \\\n    \
                            --default-plan standard")]
    Set(SettingsSet),
}

/// Changes to the settings.
#[derive(Debug, Default, Args)]
pub struct SettingsSet {
    /// Who may sign up
    #[arg(long, value_enum)]
    pub registration: Option<RegistrationName>,
    /// The plan of people who have none; an empty text: none
    #[arg(long, value_name = "PLAN")]
    pub default_plan: Option<String>,
    /// A budget over all calls of everybody; can be given again
    #[arg(long = "budget", value_name = "UNIT:LIMIT:PERIOD")]
    pub budgets: Vec<BudgetArg>,
    /// Take the budgets away
    #[arg(long, conflicts_with = "budgets")]
    pub no_budgets: bool,
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RegistrationName {
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}
