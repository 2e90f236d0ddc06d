//! Crash reserves that are to be released: noted with the audit record, applied to the ledger,
//! which is another file, and then forgotten. What is noted and not applied is applied at the next
//! start.

use tollgate_kernel::{CallId, Error};

use crate::sql::args;
use crate::{Reader, Tx, Writer};

impl Tx {
    /// Notes that the crash reserve of `call` is to be released.
    pub async fn note_release(&mut self, call: CallId) -> Result<(), Error> {
        let sql = "INSERT INTO releases (call_id, at) VALUES ($1, $2) \
                   ON CONFLICT (call_id) DO NOTHING";
        self.execute(sql, args![call, self.now]).await.map(drop)
    }
}

impl Reader {
    /// The crash reserves whose release is noted and may not be applied.
    pub async fn releases(&self) -> Result<Vec<CallId>, Error> {
        let rows = self.db.all("SELECT call_id FROM releases ORDER BY call_id", vec![]).await?;
        rows.iter().map(|row| row.id("call_id")).collect()
    }
}

impl Writer {
    /// Forgets a release that was applied.
    pub async fn forget_release(&self, call: CallId) -> Result<(), Error> {
        let mut transaction = self.begin_upkeep().await?;
        transaction.execute("DELETE FROM releases WHERE call_id = $1", args![call]).await?;
        transaction.commit().await
    }
}
