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

/// Writes `text` as a JSON string behind what `out` holds already.
pub(crate) fn append_text(out: &mut Vec<u8>, text: &str) {
    // As good as always. A fold, not `all`: without an early exit the compiler makes it wide.
    let is_plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\';
    if !text.bytes().fold(true, |all, b| all & is_plain(b)) {
        return append_json(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}
