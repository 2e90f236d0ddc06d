//! Bringing a database to the newest version of its tables.
//!
//! Migrations are numbered by their place in a list and only add. One text serves both engines;
//! `dialect.rs` renders the words in which they differ.

use tollgate_kernel::{Error, Kind};

use crate::conn::Conn;
use crate::dialect;
use crate::lock::Refusal;
use crate::sql::File;
use crate::{Target, schema};

/// Brings `tollgate.db`'s tables to the newest version.
pub(crate) async fn run_main(target: &Target) -> Result<(), Error> {
    let mut conn = Conn::open_file(target, File::Main).await?;
    run(&mut conn, "migration", schema::MIGRATIONS).await?;
    conn.close().await
}

/// Runs those of `migrations` that the table `ledger` does not list yet, all in one transaction.
/// Several processes may do so at once. A database that is newer than this program is refused.
pub(crate) async fn run(
    conn: &mut Conn,
    ledger: &'static str,
    migrations: &[&[&str]],
) -> Result<(), Error> {
    conn.begin().await?;
    match run_open(conn, ledger, migrations).await {
        Ok(()) => conn.commit().await,
        Err(error) => {
            conn.rollback().await?;
            Err(error)
        }
    }
}

async fn run_open(
    conn: &mut Conn,
    ledger: &'static str,
    migrations: &[&[&str]],
) -> Result<(), Error> {
    let postgres = conn.is_postgres();
    if postgres {
        for statement in dialect::MIGRATION_POSTGRES {
            conn.execute(statement, Vec::new()).await?;
        }
    }
    let table = format!(
        "CREATE TABLE IF NOT EXISTS {ledger} (version BIGINT NOT NULL PRIMARY KEY) {{strict}}"
    );
    conn.execute_rendered(dialect::render(&table, postgres)).await?;
    let newest = format!("SELECT COALESCE(MAX(version), 0) AS version FROM {ledger}");
    let done = match conn.all_rendered(newest).await?.first() {
        Some(row) => usize::try_from(row.int("version")?).map_err(Error::internal)?,
        None => 0,
    };
    let Some(missing) = migrations.get(done..) else {
        return Err(newer(done, migrations.len()));
    };
    for (version, statements) in (done + 1..).zip(missing) {
        for statement in *statements {
            conn.execute_rendered(dialect::render(statement, postgres)).await?;
        }
        let mark = format!("INSERT INTO {ledger} (version) VALUES ({version})");
        conn.execute_rendered(mark).await?;
    }
    Ok(())
}

fn newer(found: usize, known: usize) -> Error {
    Error::new(
        Kind::Unavailable,
        format!(
            "The store has tables of version {found}, made by a newer Tollgate; this one knows \
             version {known}. Start the newer program, or restore a backup made before it."
        ),
    )
    .with_source(Refusal::NewerTables)
}
