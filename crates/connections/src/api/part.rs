//! Parts of lists that are read whole: an owner has few.

use tollgate_kernel::Error;
use tollgate_store::PageRequest;

/// The part of `all`, which is sorted by `key`, that `limit` and `cursor` ask for, and where it
/// goes on. An absurd limit is refused, and a cursor that no part has given.
pub(super) fn cut<T>(
    all: Vec<T>,
    limit: Option<u32>,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Error> {
    let limit = PageRequest::asked(limit)?.limit as usize;
    let from = match cursor {
        None => 0,
        Some(cursor) => {
            let at = all.iter().position(|item| key(item) == cursor);
            at.ok_or_else(PageRequest::strange_cursor)? + 1
        }
    };
    let more = all.len() > from + limit;
    let part: Vec<T> = all.into_iter().skip(from).take(limit).collect();
    let next = part.last().map(&key).filter(|_| more);
    Ok((part, next))
}
