//! Lists in pages, and whose rows a query may see.

use tollgate_kernel::{Error, UserId};

use crate::sql::{Record, Row, Value};

/// Whose rows a query may see. It is part of the query: what is somebody else's does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Everybody's: for those who manage the installation.
    All,
    /// This person's.
    User(UserId),
}

impl Owner {
    /// For `($N IS NULL OR owner = $N)`.
    pub(crate) fn value(self) -> Value {
        match self {
            Self::All => Value::Text(None),
            Self::User(id) => Value::from(id),
        }
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The `next` of the page before; none for the first page.
    pub after: Option<String>,
    /// How many items, from 1 to [`PageRequest::MAX`]; what is outside counts as the nearest.
    pub limit: u32,
}

impl PageRequest {
    /// The most items of a page.
    pub const MAX: u32 = 500;

    /// How many items a page has unless somebody says.
    pub const USUAL: u32 = 50;

    /// The first items, as many as a caller asks for. An absurd number is refused, by the member
    /// `limit`.
    pub fn asked(limit: Option<u32>) -> Result<Self, Error> {
        match limit.unwrap_or(Self::USUAL) {
            limit @ 1..=Self::MAX => Ok(Self::first(limit)),
            _ => {
                let what = format!("A page has 1 to {} items.", Self::MAX);
                Err(Error::invalid(what).with_param("limit"))
            }
        }
    }

    /// The refusal of a `cursor` that no page of the list has given.
    pub fn strange_cursor() -> Error {
        let what = "The cursor does not belong to this list. Start again without one.";
        Error::invalid(what).with_param("cursor")
    }

    /// The first `limit` items.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The last key of the page before. All keys are greater than the empty text.
    pub(crate) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.limit.clamp(1, Self::MAX)).unwrap_or(1)
    }

    /// One more than is shown, to know whether there is a next page.
    pub(crate) fn fetched(&self) -> u32 {
        self.limit.clamp(1, Self::MAX) + 1
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask the next page with; none on the last. A door seals it before it goes out.
    pub next: Option<String>,
}

/// The page of `rows`, of which there is one more than asked for when another page follows.
pub(crate) fn page_of<T: Record>(
    rows: &[Row],
    request: &PageRequest,
    key: fn(&T) -> String,
) -> Result<Page<T>, Error> {
    let shown = rows.get(..request.limit()).unwrap_or(rows);
    let items = shown.iter().map(Row::record).collect::<Result<Vec<T>, Error>>()?;
    let next = if rows.len() > shown.len() { items.last().map(key) } else { None };
    Ok(Page { items, next })
}
