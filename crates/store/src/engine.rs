//! The one place for each engine that binds arguments, reads rows and judges errors.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Column, PgConnection, Postgres, Row as _, SqlStr, Sqlite, SqliteConnection, TypeInfo,
    Value as _, ValueRef as _,
};
use tollgate_kernel::{Error, Kind};

use crate::value::{Cell, Row, Value};

/// A statement: its text and its arguments.
pub(crate) struct Statement {
    pub(crate) sql: SqlStr,
    pub(crate) args: Vec<Value>,
    /// Whether the connection keeps it prepared.
    pub(crate) keep: bool,
}

pub(crate) mod sqlite {
    use super::*;

    pub(crate) async fn all(
        connection: &mut SqliteConnection,
        statement: Statement,
    ) -> Result<Vec<Row>, Error> {
        let rows = bound(statement).fetch_all(connection).await.map_err(failed)?;
        named(&rows, cells)
    }

    pub(crate) async fn execute(
        connection: &mut SqliteConnection,
        statement: Statement,
    ) -> Result<u64, Error> {
        let done = bound(statement).execute(connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    fn bound(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
        let mut query = sqlx::query(statement.sql).persistent(statement.keep);
        for value in statement.args {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(int) => query.bind(int),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Id(id) => query.bind(id.map(|id| id.into_bytes().to_vec())),
            };
        }
        query
    }

    fn cells(row: &SqliteRow) -> Result<Vec<Cell>, Error> {
        (0..row.len())
            .map(|at| {
                let raw = row.try_get_raw(at).map_err(failed)?.to_owned();
                if raw.is_null() {
                    return Ok(Cell::Null);
                }
                let kind = raw.type_info().into_owned();
                match kind.name() {
                    "TEXT" => raw.try_decode().map(Cell::Text).map_err(failed),
                    "INTEGER" => raw.try_decode().map(Cell::Int).map_err(failed),
                    "BLOB" => raw.try_decode().map(Cell::Bytes).map_err(failed),
                    other => Err(Error::internal(format!("column {at} has the type {other}"))),
                }
            })
            .collect()
    }
}

pub(crate) mod postgres {
    use super::*;

    pub(crate) async fn all(
        connection: &mut PgConnection,
        statement: Statement,
    ) -> Result<Vec<Row>, Error> {
        let rows = bound(statement).fetch_all(connection).await.map_err(failed)?;
        named(&rows, cells)
    }

    pub(crate) async fn execute(
        connection: &mut PgConnection,
        statement: Statement,
    ) -> Result<u64, Error> {
        let done = bound(statement).execute(connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    fn bound(statement: Statement) -> Query<'static, Postgres, PgArguments> {
        let mut query = sqlx::query(statement.sql).persistent(statement.keep);
        for value in statement.args {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(int) => query.bind(int),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Id(id) => query.bind(id.map(|id| id.into_bytes().to_vec())),
            };
        }
        query
    }

    fn cells(row: &PgRow) -> Result<Vec<Cell>, Error> {
        (0..row.len())
            .map(|at| {
                let raw = row.try_get_raw(at).map_err(failed)?;
                if raw.is_null() {
                    return Ok(Cell::Null);
                }
                let kind = raw.type_info().into_owned();
                match kind.name() {
                    "TEXT" | "VARCHAR" | "NAME" => row.try_get(at).map(Cell::Text).map_err(failed),
                    "INT8" => row.try_get(at).map(Cell::Int).map_err(failed),
                    "INT4" => {
                        row.try_get::<i32, _>(at).map(|int| Cell::Int(int.into())).map_err(failed)
                    }
                    "BOOL" => row
                        .try_get::<bool, _>(at)
                        .map(|flag| Cell::Int(flag.into()))
                        .map_err(failed),
                    "BYTEA" => row.try_get(at).map(Cell::Bytes).map_err(failed),
                    // A sum of BIGINT is NUMERIC here: CAST(SUM(x) AS BIGINT) is portable.
                    other => Err(Error::internal(format!("column {at} has the type {other}"))),
                }
            })
            .collect()
    }
}

/// The rows of an answer; `cells` reads one as its engine has it.
fn named<R: sqlx::Row>(
    rows: &[R],
    cells: fn(&R) -> Result<Vec<Cell>, Error>,
) -> Result<Vec<Row>, Error> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let names: Arc<[Box<str>]> = first.columns().iter().map(|c| c.name().into()).collect();
    rows.iter().map(|row| Ok(Row::new(Arc::clone(&names), cells(row)?))).collect()
}

/// sqlx's errors in our words: away for the moment, in the way of something that exists, or ours.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Error::unavailable(error),
        sqlx::Error::Database(answer) => {
            if answer.is_unique_violation() {
                return Error::new(Kind::Conflict, "There is already one with this name or value.")
                    .with_source(error);
            }
            if answer.is_foreign_key_violation() {
                let detail = "What this names does not exist, or something still names this.";
                return Error::new(Kind::Conflict, detail).with_source(error);
            }
            match answer.code().is_some_and(|code| passes(&code)) {
                true => Error::unavailable(error),
                false => Error::internal(error),
            }
        }
        _ => Error::internal(error),
    }
}

/// Whether an engine's code tells of a state that passes: locked, full, out of connections,
/// stopping, cancelled by a time-out. SQLite's codes are numbers (the low byte is the primary one),
/// PostgreSQL's five characters.
fn passes(code: &str) -> bool {
    if code.len() == 5 && code.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        let class = code.get(..2).unwrap_or_default();
        // 08 connection, 40 deadlock and serialization, 53 resources, 57 operator, 58 system,
        // 55P03 lock not available, 25006 read-only after a fail-over, 25P03 idle too long.
        return matches!(class, "08" | "40" | "53" | "57" | "58")
            || matches!(code, "55P03" | "25006" | "25P03");
    }
    const BUSY: i64 = 5;
    const LOCKED: i64 = 6;
    const READ_ONLY: i64 = 8;
    const IO: i64 = 10;
    const FULL: i64 = 13;
    const CANNOT_OPEN: i64 = 14;
    code.parse::<i64>().is_ok_and(|code| {
        matches!(code & 0xff, BUSY | LOCKED | READ_ONLY | IO | FULL | CANNOT_OPEN)
    })
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn codes_of_both_engines_are_told_apart() {
        for code in ["5", "261", "517", "6", "10", "2570", "13", "57014", "40P01", "08006", "55P03"]
        {
            assert!(passes(code), "{code}");
        }
        for code in ["1", "11", "19", "2067", "42P01", "42703", "22001", "XX000"] {
            assert!(!passes(code), "{code}");
        }
    }
}
