//! SQLite on the caller's own thread, for the ledger's writer: it has a thread of its own, and a
//! statement that crosses to another one and back costs more than the statement.

use std::path::Path;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use tollgate_kernel::{Error, Kind};

use crate::sql::PATIENCE;
use crate::value::{Cell, Row, Value};

/// Statements that stay prepared.
const PREPARED: usize = 64;

/// Pages of the log before they are moved into the database, within a commit: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_096;

/// A connection that works on the caller's thread.
pub(crate) struct Direct(Connection);

impl Direct {
    /// Opens a file that is there, for writing.
    pub(crate) fn open(path: &Path, cache: &str) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
            ("temp_store", "MEMORY"),
            ("cache_size", cache),
            ("journal_size_limit", "16777216"),
        ] {
            connection.pragma_update(None, name, value).map_err(failed)?;
        }
        let pages = CHECKPOINT_PAGES;
        connection.pragma_update(None, "wal_autocheckpoint", pages).map_err(failed)?;
        Ok(Self(connection))
    }

    /// All rows of the answer.
    pub(crate) fn all(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>, Error> {
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        let names: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
        let mut found = statement.query(params_from_iter(args)).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            let cells = (0..names.len()).map(|at| cell(row.get_ref(at).map_err(failed)?));
            rows.push(Row::new(Arc::clone(&names), cells.collect::<Result<_, Error>>()?));
        }
        Ok(rows)
    }

    /// Runs a statement and counts the rows that it changed. What it answers is passed over.
    pub(crate) fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64, Error> {
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        run(&mut statement, args)
    }

    /// Inserts row after row of `width`.
    pub(crate) fn insert(
        &mut self,
        head: &str,
        width: usize,
        args: &[Value],
    ) -> Result<u64, Error> {
        let places = vec!["?"; width].join(", ");
        let mut statement =
            self.0.prepare_cached(&format!("{head} VALUES ({places})")).map_err(failed)?;
        args.chunks(width).map(|row| run(&mut statement, row)).sum()
    }
}

fn run(statement: &mut CachedStatement<'_>, args: &[Value]) -> Result<u64, Error> {
    let changed = statement.execute(params_from_iter(args)).map_err(failed)?;
    u64::try_from(changed).map_err(Error::internal)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let borrowed = match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(Some(int)) => return Ok(ToSqlOutput::Owned(Owned::Integer(*int))),
            Self::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Id(Some(id)) => ValueRef::Blob(id.as_bytes()),
            Self::Text(None) | Self::Int(None) | Self::Bytes(None) | Self::Id(None) => {
                ValueRef::Null
            }
        };
        Ok(ToSqlOutput::Borrowed(borrowed))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, Error> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(int) => Ok(Cell::Int(int)),
        ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes.to_vec())),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(Error::internal)?;
            Ok(Cell::Text(text.to_owned()))
        }
        ValueRef::Real(_) => Err(Error::internal("a column holds a number with a fraction")),
    }
}

/// SQLite's word in ours: what is away for the moment, what is there already, what is our fault.
fn failed(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OperationInterrupted,
        ) => Error::unavailable(error),
        Some(ErrorCode::ConstraintViolation) if is_duplicate(&error) => {
            Error::new(Kind::Conflict, "It exists already.").with_source(error)
        }
        _ => Error::internal(error),
    }
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    // SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY.
    matches!(extended, Some(2067 | 1555))
}
