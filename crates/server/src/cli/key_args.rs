//! What the verbs of keys take.

use clap::{Args, Subcommand};

use super::amount_args::{BudgetArg, RatesArgs};
use super::manage_args::{ListArgs, Named};

/// `key …`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// List keys
    #[command(after_help = "Example:\n  tollgate key list --user ada@example.com")]
    List(KeyList),
    /// Show a key, not its secret
    #[command(after_help = "Example:\n  tollgate key show 01938f5e-...")]
    Show(Named),
    /// Make a key and print it, once
    #[command(after_help = "Example:\n  tollgate key add laptop --user ada@example.com")]
    Add(KeyAdd),
    /// Change a key
    #[command(after_help = "Example:\n  tollgate key set 01938f5e-... --model 'gpt-4o*' \\\n    \
                            --budget money:5e9:month")]
    Set(KeySet),
    /// Replace a key's secret; the old one works on for a while
    #[command(after_help = "Example:\n  tollgate key rotate 01938f5e-... --overlap-s 3600")]
    Rotate(KeyRotate),
    /// End a key, within a second
    #[command(after_help = "Example:\n  tollgate key revoke 01938f5e-... --yes")]
    Revoke(Named),
}

/// Whose keys to list.
#[derive(Debug, Args)]
pub struct KeyList {
    /// Of this person, by id or e-mail address
    #[arg(long)]
    pub user: Option<String>,
    /// Of this app
    #[arg(long, conflicts_with = "user")]
    pub client: Option<String>,
    /// Only those that were not revoked
    #[arg(long)]
    pub active: bool,
    /// Pages.
    #[command(flatten)]
    pub list: ListArgs,
}

/// A new key.
#[derive(Debug, Args)]
pub struct KeyAdd {
    /// The name that is shown
    pub name: String,
    /// For this person, by id or e-mail address
    #[arg(long)]
    pub user: Option<String>,
    /// For this app
    #[arg(long, conflicts_with = "user")]
    pub client: Option<String>,
    /// A key to manage the installation with, not to call models
    #[arg(long, conflicts_with_all = ["user", "client"])]
    pub admin: bool,
    /// The one tool that it opens, and nothing else
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["client", "admin", "models"])]
    pub tool: Option<String>,
    /// A model it may call; can be given again; without one: all of the plan
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// A network it may be used from; can be given again
    #[arg(long = "network", value_name = "NETWORK")]
    pub networks: Vec<String>,
    /// Rates.
    #[command(flatten)]
    pub rates: RatesArgs,
    /// A budget of the key; can be given again
    #[arg(long = "budget", value_name = "UNIT:LIMIT:PERIOD")]
    pub budgets: Vec<BudgetArg>,
    /// When it ends, like 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<String>,
}

/// Changes to a key.
#[derive(Debug, Args)]
pub struct KeySet {
    /// The key's id
    pub id: String,
    /// Another name
    #[arg(long)]
    pub name: Option<String>,
    /// A model it may call; can be given again; an empty text: all of the plan
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// A network it may be used from; can be given again; an empty text: all
    #[arg(long = "network", value_name = "NETWORK")]
    pub networks: Vec<String>,
    /// Rates.
    #[command(flatten)]
    pub rates: RatesArgs,
    /// A budget of the key; can be given again
    #[arg(long = "budget", value_name = "UNIT:LIMIT:PERIOD")]
    pub budgets: Vec<BudgetArg>,
    /// Take the budgets away
    #[arg(long, conflicts_with = "budgets")]
    pub no_budgets: bool,
    /// When it ends, like 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<String>,
}

/// The rotation of a key.
#[derive(Debug, Args)]
pub struct KeyRotate {
    /// The key's id
    pub id: String,
    /// Seconds that the old secret works on
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub overlap_s: u32,
}
