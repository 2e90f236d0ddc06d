//! Settings of the installation: a few named texts.

use std::collections::BTreeMap;

use tollgate_kernel::Error;

use crate::sql::args;
use crate::{EventKind, Reader, Tx};

/// The setting that names the plan of users who have none from elsewhere. A plan that it names
/// cannot be deleted.
pub const DEFAULT_PLAN: &str = "default_plan";

/// The setting that holds the budgets of the whole installation, as JSON.
pub const INSTALLATION_BUDGETS: &str = "budgets";

/// The setting that holds whether somebody may sign up: `open` or `closed`.
pub const REGISTRATION: &str = "registration";

/// The setting that lists, as JSON, the settings that the configuration file declares: they are not
/// changed otherwise.
pub const DECLARED: &str = "declared_settings";

/// The setting that tells, as JSON, which app each `[[client]]` of the file is.
pub const DECLARED_CLIENTS: &str = "declared_clients";

impl Reader {
    /// One setting.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM settings WHERE name = $1";
        self.db.optional(sql, args![name]).await?.map(|row| row.text("value")).transpose()
    }

    /// All settings.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>, Error> {
        let rows = self.db.all("SELECT name, value FROM settings", Vec::new()).await?;
        rows.iter().map(|row| Ok((row.text("name")?, row.text("value")?))).collect()
    }
}

impl Tx {
    /// Sets a setting, or with `None` removes it.
    pub async fn set_setting(&mut self, name: &str, value: Option<&str>) -> Result<(), Error> {
        match value {
            Some(value) => {
                let sql = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
                           ON CONFLICT (name) DO UPDATE SET value = excluded.value, \
                           updated_at = excluded.updated_at";
                self.execute(sql, args![name, value, self.now]).await?;
            }
            None => {
                self.execute("DELETE FROM settings WHERE name = $1", args![name]).await?;
            }
        }
        self.announce(EventKind::Setting, name);
        Ok(())
    }

    /// Sets a setting that is not set yet; a conflict when it is. For what is decided once, as the
    /// value that proves a master key to be the right one.
    pub async fn insert_setting(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let sql = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)";
        self.execute(sql, args![name, value, self.now]).await?;
        self.announce(EventKind::Setting, name);
        Ok(())
    }
}
