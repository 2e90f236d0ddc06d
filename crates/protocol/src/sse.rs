//! Server-sent events (WHATWG HTML, 9.2), split as they arrive and passed on byte for byte.
//!
//! The pieces that [`SseSplitter`] gives, one after the other, are exactly the bytes that were
//! pushed. A piece ends with a blank line; it may hold no field at all (a comment, a lone blank
//! line), which a reader skips and a proxy forwards like any other.

use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests;

/// The most bytes of an event, its blank line included.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// An event is longer than [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge;

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of the stream is longer than {MAX_EVENT_BYTES} bytes")
    }
}

impl std::error::Error for EventTooLarge {}

/// Splits a stream of bytes into events. Push a chunk, then take events until there is none.
///
/// An event inside one chunk shares the chunk's memory; only an event that is cut is copied.
pub struct SseSplitter {
    /// The start of an event that earlier chunks brought.
    carry: BytesMut,
    /// The rest of the last chunk.
    chunk: Bytes,
    /// How much of `chunk` was looked at without finding the event's end.
    scanned: usize,
    /// Whether nothing of the current line was seen yet.
    line_is_empty: bool,
    /// Whether the last byte that was looked at is a CR, so that an LF would belong to it.
    after_cr: bool,
    /// Whether no event was given out yet: a byte order mark may stand before the first.
    at_start: bool,
    failed: bool,
}

impl SseSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self {
            carry: BytesMut::new(),
            chunk: Bytes::new(),
            scanned: 0,
            line_is_empty: true,
            after_cr: false,
            at_start: true,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: &Bytes) {
        if self.failed {
            return;
        }
        if self.scanned < self.chunk.len() {
            // Events were left untaken: what is unread stays in front.
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(chunk);
            self.chunk = joined.freeze();
            return;
        }
        self.carry.extend_from_slice(&self.chunk);
        self.chunk = chunk.clone();
        self.scanned = 0;
    }

    /// The next event that is complete. After an error it gives nothing but that error.
    pub fn next_event(&mut self) -> Result<Option<RawEvent>, EventTooLarge> {
        if self.failed {
            return Err(EventTooLarge);
        }
        let end = self.find_end();
        if self.carry.len() + end.unwrap_or(self.chunk.len()) > MAX_EVENT_BYTES {
            *self = Self { failed: true, ..Self::new() };
            return Err(EventTooLarge);
        }
        Ok(end.map(|end| self.take(end)))
    }

    /// What is left when the stream is over: an event whose blank line never came. A reader may
    /// take it for an event or, as the standard says, for none.
    pub fn finish(&mut self) -> Option<RawEvent> {
        let left = self.chunk.len();
        let event = self.take(left);
        (!event.bytes.is_empty()).then_some(event)
    }

    /// How many bytes wait for the end of their event.
    pub fn leftover(&self) -> usize {
        self.carry.len() + self.chunk.len()
    }

    /// Looks for the end of the event and returns how much of the chunk belongs to it.
    fn find_end(&mut self) -> Option<usize> {
        let chunk = self.chunk.as_ref();
        let mut at = self.scanned;
        loop {
            if self.after_cr && at < chunk.len() {
                at += usize::from(chunk.get(at) == Some(&b'\n'));
                self.after_cr = false;
            }
            let rest = chunk.get(at..).unwrap_or_default();
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty &= rest.is_empty();
                self.scanned = chunk.len();
                return None;
            };
            let is_cr = rest.get(length) == Some(&b'\r');
            at += length + 1;
            let is_blank = self.line_is_empty && length == 0;
            self.line_is_empty = true;
            if is_blank {
                // An LF that comes with a later chunk is a blank line of its own: nobody minds, and
                // this event need not wait for it.
                let has_lf = is_cr && chunk.get(at) == Some(&b'\n');
                return Some(at + usize::from(has_lf));
            }
            self.after_cr = is_cr;
        }
    }

    fn take(&mut self, length: usize) -> RawEvent {
        let piece = self.chunk.split_to(length.min(self.chunk.len()));
        self.scanned = 0;
        self.line_is_empty = true;
        self.after_cr = false;
        let bytes = if self.carry.is_empty() {
            piece
        } else {
            self.carry.extend_from_slice(&piece);
            self.carry.split().freeze()
        };
        let is_first = std::mem::take(&mut self.at_start);
        let has_bom = is_first && bytes.starts_with(BOM);
        RawEvent { bytes, has_bom }
    }
}

impl Default for SseSplitter {
    fn default() -> Self {
        Self::new()
    }
}

/// An event as it stood in the stream, its blank line included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    bytes: Bytes,
    has_bom: bool,
}

impl RawEvent {
    /// The bytes to forward.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes to forward.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The event's data: the values of its `data` lines, joined by LF. Borrowed where there is one
    /// line; empty where there is none.
    pub fn data(&self) -> Cow<'_, [u8]> {
        let mut values = self.values(b"data");
        let Some(first) = values.next() else { return Cow::Borrowed(&[]) };
        let Some(second) = values.next() else { return Cow::Borrowed(first) };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b'\n');
            joined.extend_from_slice(value);
        }
        Cow::Owned(joined)
    }

    /// The event's name: the value of its last `event` line.
    pub fn event_name(&self) -> Option<&[u8]> {
        self.values(b"event").last()
    }

    fn values<'a>(&'a self, field: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        let skipped = if self.has_bom { BOM.len() } else { 0 };
        Lines(self.bytes.get(skipped..).unwrap_or_default()).filter_map(move |line| {
            let rest = line.strip_prefix(field)?;
            match rest.split_first() {
                None => Some(rest),
                Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
                Some(_) => None,
            }
        })
    }
}

/// The lines of an event without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        // A CRLF makes an empty line too many, in which there is no field.
        let length = memchr2(b'\n', b'\r', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}
