//! What goes into a statement and what comes out of one, the same for both engines.

use std::str::FromStr;
use std::sync::Arc;

use tollgate_kernel::{
    CallId, ClientId, ConnectionId, Error, EventId, GrantId, IdentityId, InstallId, KeyId, LinkId,
    RequestId, SessionId, Slug, Timestamp, TokenId, UserId,
};
use uuid::Uuid;

/// An argument of a statement. The type stands also where the value is NULL, because PostgreSQL
/// types its parameters.
#[derive(Clone)]
pub(crate) enum Value {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Int(Option<i64>),
    /// BYTEA, BLOB.
    Bytes(Option<Vec<u8>>),
    /// The same, of an id's sixteen bytes.
    Id(Option<Uuid>),
}

/// The arguments of a statement, `$1` first.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::sql::Value::from($value)),*]
    };
}
pub(crate) use args;

/// The columns of a table in a SELECT: of the table called `$table` there, under names that start
/// with `$prefix`. Text that is put together stays static this way.
macro_rules! columns {
    ($table:literal, $prefix:literal; $first:ident $(, $rest:ident)* $(,)?) => {
        concat!(
            $table, ".", stringify!($first), " AS ", $prefix, stringify!($first)
            $(, ", ", $table, ".", stringify!($rest), " AS ", $prefix, stringify!($rest))*
        )
    };
}
pub(crate) use columns;

/// A value as the JSON text that is stored.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}

macro_rules! value_from {
    ($variant:ident: $($type:ty => $convert:expr),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(Some(convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(value.map(convert))
            }
        }
    )+};
}

value_from! { Text:
    &str => |v| v.to_owned(),
    String => |v| v,
    &String => |v| v.clone(),
    &Slug => |v| v.as_str().to_owned(),
    Slug => |v| v.as_str().to_owned(),
    UserId => |v| v.to_string(),
    ClientId => |v| v.to_string(),
    KeyId => |v| v.to_string(),
    SessionId => |v| v.to_string(),
    CallId => |v| v.to_string(),
    RequestId => |v| v.to_string(),
    LinkId => |v| v.to_string(),
    GrantId => |v| v.to_string(),
    TokenId => |v| v.to_string(),
    IdentityId => |v| v.to_string(),
    EventId => |v| v.to_string(),
    InstallId => |v| v.to_string(),
    ConnectionId => |v| v.to_string(),
}

value_from! { Int:
    i64 => |v| v,
    u32 => i64::from,
    u16 => i64::from,
    bool => i64::from,
    Timestamp => Timestamp::micros,
}

value_from! { Bytes:
    Vec<u8> => |v| v,
    &[u8] => |v| v.to_vec(),
    &Vec<u8> => |v| v.clone(),
    [u8; 32] => |v| v.to_vec(),
    &[u8; 32] => |v| v.to_vec(),
}

value_from! { Id:
    Uuid => |v| v,
}

/// One value of a row.
#[derive(Clone)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bytes(Vec<u8>),
}

impl Cell {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Text(_) => "TEXT",
            Self::Int(_) => "BIGINT",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// A row of an answer. It owns its values; a result set shares the names of its columns.
#[derive(Clone)]
pub(crate) struct Row {
    columns: Arc<[Box<str>]>,
    cells: Arc<[Cell]>,
    table: &'static str,
    prefix: &'static str,
}

/// What a row is mapped to.
pub(crate) trait Record: Sized {
    /// The table, for errors.
    const TABLE: &'static str;

    /// Reads the columns.
    fn read(row: &Row) -> Result<Self, Error>;
}

impl Row {
    pub(crate) fn new(columns: Arc<[Box<str>]>, cells: Vec<Cell>) -> Self {
        Self { columns, cells: cells.into(), table: "a query", prefix: "" }
    }

    /// The record in this row.
    pub(crate) fn record<T: Record>(&self) -> Result<T, Error> {
        T::read(&self.part(T::TABLE, ""))
    }

    /// The columns of a joined row that start with `prefix`, read as those of `table`.
    pub(crate) fn part(&self, table: &'static str, prefix: &'static str) -> Self {
        Self { table, prefix, ..self.clone() }
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, Error> {
        self.opt_text(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, Error> {
        self.opt_bytes(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    /// An id of which sixteen bytes are stored, as text.
    pub(crate) fn id_text(&self, column: &str) -> Result<String, Error> {
        self.opt_id_text(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    pub(crate) fn opt_id_text(&self, column: &str) -> Result<Option<String>, Error> {
        self.opt_bytes(column)?
            .map(|bytes| match Uuid::from_slice(&bytes) {
                Ok(id) => Ok(id.to_string()),
                Err(_) => Err(self.wrong(column, "is not 16 bytes")),
            })
            .transpose()
    }

    pub(crate) fn opt_text(&self, column: &str) -> Result<Option<String>, Error> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.clone())),
            other => Err(self.wrong(column, &format!("is {}, not TEXT", other.kind()))),
        }
    }

    pub(crate) fn opt_int(&self, column: &str) -> Result<Option<i64>, Error> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Int(int) => Ok(Some(*int)),
            other => Err(self.wrong(column, &format!("is {}, not BIGINT", other.kind()))),
        }
    }

    pub(crate) fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Bytes(bytes) => Ok(Some(bytes.clone())),
            other => Err(self.wrong(column, &format!("is {}, not bytes", other.kind()))),
        }
    }

    /// A typed id, a slug, a role: what is written as text.
    pub(crate) fn id<T: FromStr>(&self, column: &str) -> Result<T, Error> {
        self.opt_id(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    pub(crate) fn opt_id<T: FromStr>(&self, column: &str) -> Result<Option<T>, Error> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|_| self.wrong(column, "does not parse")))
            .transpose()
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub(crate) fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool, Error> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong(column, "is neither 0 nor 1")),
        }
    }

    pub(crate) fn hash(&self, column: &str) -> Result<[u8; 32], Error> {
        self.bytes(column)?.try_into().map_err(|_| self.wrong(column, "is not 32 bytes"))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        self.opt_json(column)?.ok_or_else(|| self.wrong(column, "is NULL"))
    }

    pub(crate) fn opt_json<T>(&self, column: &str) -> Result<Option<T>, Error>
    where
        T: serde::de::DeserializeOwned,
    {
        self.opt_text(column)?
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| self.wrong(column, &error.to_string()))
            })
            .transpose()
    }

    /// An error of ours about a column: it names table, column and the row's id.
    pub(crate) fn wrong(&self, column: &str, what: &str) -> Error {
        let id = match self.cells.get(self.position("id").unwrap_or(0)) {
            Some(Cell::Text(text)) => text.clone(),
            Some(Cell::Int(int)) => int.to_string(),
            _ => "unknown".to_owned(),
        };
        Error::internal(format!("{}.{column} of row {id} {what}", self.table))
    }

    fn cell(&self, column: &str) -> Result<&Cell, Error> {
        self.position(column)
            .and_then(|at| self.cells.get(at))
            .ok_or_else(|| self.wrong(column, "was not asked for"))
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name.strip_prefix(self.prefix) == Some(column))
    }
}
