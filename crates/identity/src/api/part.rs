//! Which part of a list of this door is asked for.

use std::str::FromStr;

use tollgate_kernel::Error;
use tollgate_store::PageRequest;

/// The part that `limit` and `cursor` ask for, of a list that is sorted by ids of the type `Id`. An
/// absurd limit is refused, and a cursor that is none.
pub(crate) fn page_request<Id: FromStr + ToString>(
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<PageRequest, Error> {
    let request = PageRequest::asked(limit)?;
    let read = |cursor: &str| cursor.parse().map(|id: Id| id.to_string());
    let after = cursor.map(read).transpose().map_err(|_| PageRequest::strange_cursor())?;
    Ok(PageRequest { after, ..request })
}
