//! A connection of its own, for migrations and for the ledger's writer.

use sqlx::{Connection as _, PgConnection};
use tollgate_kernel::Error;

use crate::direct::Direct;
use crate::engine::{Statement, failed, postgres};
use crate::sql::{
    File, Health, SQLITE_CACHE, at_most_one, create_private, in_time, kept, postgres_connection,
    rendered,
};
use crate::value::{Row, Value};
use crate::{Target, dialect};

/// One connection of its own, for a writer that is a thread of its own.
pub(crate) struct Conn {
    link: Link,
    open: bool,
    health: Health,
}

enum Link {
    Sqlite(Direct),
    /// None after an answer that did not come in time: what would be read next is that answer.
    Postgres(Option<PgConnection>),
}

impl Conn {
    /// Connects to `ledger.db`, or to PostgreSQL.
    pub(crate) async fn open(target: &Target) -> Result<Self, Error> {
        Self::open_file(target, File::Ledger).await
    }

    /// Connects to this file, or to PostgreSQL.
    pub(crate) async fn open_file(target: &Target, file: File) -> Result<Self, Error> {
        let link = match target {
            Target::Sqlite { data_dir } => {
                let path = data_dir.join(file.name());
                create_private(&path)?;
                Link::Sqlite(Direct::open(&path, SQLITE_CACHE)?)
            }
            Target::Postgres { url } => Link::Postgres(Some(postgres_connection(url).await?)),
        };
        Ok(Self { link, open: false, health: Health::default() })
    }

    /// All rows of the answer.
    pub(crate) async fn all(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, Error> {
        self.rows(kept(sql, args)).await
    }

    /// The one row of the answer, if there is one. More are a fault of ours.
    pub(crate) async fn optional(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.all(sql, args).await?, sql)
    }

    /// Runs a statement and counts the rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        self.run(kept(sql, args)).await
    }

    /// Runs `head`, a VALUES list of `args` in rows of `width`, then `tail`.
    pub(crate) async fn execute_values(
        &mut self,
        (head, width, tail): (&'static str, usize, &'static str),
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        // A statement costs next to nothing where it runs on this very thread.
        if let (Link::Sqlite(direct), "") = (&mut self.link, tail) {
            self.health.start()?;
            return self.health.ended(direct.insert(head, width, &args));
        }
        self.run(dialect::values(head, width, tail, args)).await
    }

    /// Runs text that was rendered for this engine, once; for `migrate.rs`.
    pub(crate) async fn execute_rendered(&mut self, sql: String) -> Result<u64, Error> {
        self.run(rendered(sql)).await
    }

    /// The rows that such a text answers.
    pub(crate) async fn all_rendered(&mut self, sql: String) -> Result<Vec<Row>, Error> {
        self.rows(rendered(sql)).await
    }

    /// Whether this is PostgreSQL, for `migrate.rs`.
    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_))
    }

    /// Closes the connection in good order.
    pub(crate) async fn close(self) -> Result<(), Error> {
        match self.link {
            Link::Sqlite(direct) => {
                drop(direct);
                Ok(())
            }
            Link::Postgres(Some(connection)) => in_time(connection.close()).await?.map_err(failed),
            Link::Postgres(None) => Ok(()),
        }
    }

    /// Begins a transaction. What an earlier one left open is rolled back first.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        self.rollback().await?;
        let sql = match &self.link {
            Link::Sqlite(_) => dialect::BEGIN_SQLITE,
            Link::Postgres(_) => dialect::BEGIN_POSTGRES,
        };
        // Marked before it is sent: a BEGIN that was abandoned half-way may have been done.
        self.open = true;
        let begun = self.send(kept(sql, Vec::new())).await;
        if begun.is_err() && matches!(self.link, Link::Sqlite(_)) {
            self.open = false;
        }
        begun.map(drop)
    }

    /// Makes the transaction durable. After an error its outcome is unknown: open anew and look.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        self.run(kept("COMMIT", Vec::new())).await?;
        self.open = false;
        Ok(())
    }

    /// Undoes the transaction, if one is open, and forgets that a statement failed.
    pub(crate) async fn rollback(&mut self) -> Result<(), Error> {
        if self.open {
            let undone = self.send(kept("ROLLBACK", Vec::new())).await;
            // SQLite says no if it has rolled back by itself, as it does when the disk is full.
            if matches!(self.link, Link::Postgres(_)) {
                undone?;
            }
            self.open = false;
        }
        self.health = Health::default();
        Ok(())
    }

    async fn run(&mut self, statement: Statement) -> Result<u64, Error> {
        self.health.start()?;
        let done = self.send(statement).await;
        self.health.ended(done)
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, Error> {
        self.health.start()?;
        let rows = match &mut self.link {
            Link::Sqlite(direct) => direct.all(statement.sql.as_str(), &statement.args),
            Link::Postgres(slot) => {
                let mut connection = slot.take().ok_or_else(silent)?;
                let rows = in_time(postgres::all(&mut connection, statement)).await?;
                *slot = Some(connection);
                rows
            }
        };
        self.health.ended(rows)
    }

    async fn send(&mut self, statement: Statement) -> Result<u64, Error> {
        match &mut self.link {
            Link::Sqlite(direct) => direct.execute(statement.sql.as_str(), &statement.args),
            Link::Postgres(slot) => {
                let mut connection = slot.take().ok_or_else(silent)?;
                let done = in_time(postgres::execute(&mut connection, statement)).await?;
                *slot = Some(connection);
                done
            }
        }
    }
}

fn silent() -> Error {
    Error::unavailable("the connection was given up, for the database did not answer on it")
}
