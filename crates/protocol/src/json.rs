//! Writing JSON.

use serde::Serialize;

/// `value` as JSON.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append_json(&mut out, value);
    out
}

/// Writes `value` as JSON behind what `out` holds already.
///
/// Writing to memory cannot fail for what this crate writes: strings, integers, and structs and
/// lists of them. Were it to fail, `out` would be left as it was.
pub(crate) fn append_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
    }
}
