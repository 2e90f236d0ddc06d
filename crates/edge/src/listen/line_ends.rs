//! Line feeds without carriage returns (RFC 9112, 2.2).
//!
//! A recipient may take one for the end of a line, and hyper does; a server in front of us may not,
//! and then both see different requests. So the lines of a connection are followed, and bodies are
//! left out by their framing. A line that ends so, and one that says another thing of the body than
//! a line before, is spoilt: hyper refuses it with 400 and closes the connection.

/// So much of a line is kept, in bytes: enough for the members that frame a body, and for the size
/// of a chunk. What stands behind that, extensions, has no use: a longer line is refused.
const KEPT: usize = 64;

/// What a refused line ends with: a byte that stands in no head, and what hyper waits for before it
/// looks, the head's end.
const SPOILT: &[u8; 3] = b"\0\n\n";

/// What the next bytes of a connection belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A request's head.
    Head,
    /// A body of so many bytes more.
    Body(u64),
    /// The line before a chunk.
    ChunkSize,
    /// A chunk and its line end, of so many bytes more.
    Chunk(u64),
    /// What follows the last chunk.
    Trailer,
    /// Nothing of ours: HTTP/2, or what comes after a line that is refused.
    Past,
}

/// What a head says of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// Follows the lines of one connection.
pub(super) struct LineEnds {
    at: At,
    framing: Framing,
    /// Whether the head's first line has come.
    begun: bool,
    /// The beginning of the line that is not complete yet; where it is longer, its last byte last.
    kept: [u8; KEPT],
    /// How long it is so far, kept or not.
    len: usize,
}

impl LineEnds {
    pub(super) fn new() -> Self {
        let (at, framing) = (At::Head, Framing::None);
        Self { at, framing, begun: false, kept: [0; KEPT], len: 0 }
    }

    /// Looks at the bytes that came, and spoils the first line that is refused. `false`: too much
    /// of it has gone by already, so that the connection has to end without an answer.
    #[must_use]
    pub(super) fn check(&mut self, bytes: &mut [u8]) -> bool {
        // What is before the line and belongs to its request; before that is somebody's body.
        let (mut from, mut at) = (0, 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.at {
                At::Past => return true,
                At::Body(left) => {
                    at += self.skip(left, rest.len(), At::Body, At::Head);
                    from = at;
                }
                At::Chunk(left) => {
                    at += self.skip(left, rest.len(), At::Chunk, At::ChunkSize);
                    from = at;
                }
                At::Head | At::ChunkSize | At::Trailer => {
                    let (used, is_good) = self.line(rest);
                    at += used;
                    if !is_good {
                        let line = bytes.get_mut(from..at).and_then(<[u8]>::last_chunk_mut);
                        return line.map(|end| *end = *SPOILT).is_some();
                    }
                }
            }
        }
        true
    }

    /// Leaves out what is no line. How many bytes that was.
    fn skip(&mut self, left: u64, have: usize, more: fn(u64) -> At, then: At) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(have);
        let left = left - used as u64;
        self.at = if left == 0 { then } else { more(left) };
        used
    }

    /// Takes one line, or the part of it that is there: how many bytes that was, and whether it
    /// passes.
    fn line(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.keep(bytes);
            return (bytes.len(), true);
        };
        let line = bytes.get(..end).unwrap_or_default();
        let next = if self.len == 0 {
            self.after(line, line.len() <= KEPT)
        } else {
            self.keep(line);
            let (kept, len) = (self.kept, self.len);
            self.after(kept.get(..len).unwrap_or(&kept), len <= KEPT)
        };
        self.at = next.unwrap_or(At::Past);
        self.len = 0;
        (end + 1, next.is_some())
    }

    /// Keeps the part of a line that is there, and its last byte in any case.
    fn keep(&mut self, bytes: &[u8]) {
        let room = self.kept.get_mut(self.len..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.len += bytes.len();
        if let (Some(last), Some(byte)) = (self.kept.last_mut(), bytes.last())
            && self.len > KEPT
        {
            *last = *byte;
        }
    }

    /// What comes after the line; `None` where it is refused.
    fn after(&mut self, line: &[u8], is_whole: bool) -> Option<At> {
        let line = line.strip_suffix(b"\r")?.trim_ascii_end();
        match self.at {
            At::ChunkSize => chunk(line).filter(|_| is_whole),
            At::Trailer => Some(if line.is_empty() { At::Head } else { At::Trailer }),
            _ if line.is_empty() && self.begun => {
                self.begun = false;
                Some(match std::mem::replace(&mut self.framing, Framing::None) {
                    Framing::None | Framing::Length(0) => At::Head,
                    Framing::Length(length) => At::Body(length),
                    Framing::Chunked => At::ChunkSize,
                })
            }
            _ if line == b"PRI * HTTP/2.0" && !self.begun => Some(At::Past),
            _ => {
                // Empty lines before a request are none of it (RFC 9112, 2.2).
                self.begun |= !line.is_empty();
                if let Some(framing) = framing(line) {
                    let fits = is_whole && self.framing == Framing::None;
                    self.framing = framing.filter(|_| fits)?;
                }
                Some(At::Head)
            }
        }
    }
}

/// What a line of a head says of the body, if it is about that; the inner `None` where it says
/// what is refused.
fn framing(line: &[u8]) -> Option<Option<Framing>> {
    // Most lines are done here.
    if !matches!(line.first(), Some(b't' | b'T' | b'c' | b'C')) {
        return None;
    }
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        return Some(value.eq_ignore_ascii_case(b"chunked").then_some(Framing::Chunked));
    }
    if !name.eq_ignore_ascii_case(b"content-length") {
        return None;
    }
    let digits = value.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(value).ok().filter(|_| digits);
    Some(length.and_then(|text| text.parse().ok()).map(Framing::Length))
}

/// What comes after the line before a chunk: the chunk with its line end, or the trailer.
fn chunk(line: &[u8]) -> Option<At> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = std::str::from_utf8(line.get(..digits)?).ok()?;
    match u64::from_str_radix(size, 16).ok()? {
        0 => Some(At::Trailer),
        size => size.checked_add(2).map(At::Chunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of `text` when it comes in pieces of `size` bytes; nothing where the connection
    /// has to end.
    fn seen(text: &str, size: usize) -> Option<String> {
        let mut ends = LineEnds::new();
        let mut bytes = text.as_bytes().to_vec();
        let is_good = bytes.chunks_mut(size).all(|piece| ends.check(piece));
        is_good.then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    const POST: &str = "POST / HTTP/1.1\r\n";

    #[test]
    fn what_ends_its_lines_well_passes_as_it_is() {
        for text in [
            format!("\r\n{POST}content-length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\n\r\n"),
            format!("{POST}Content-LENGTH:\t3 \r\n\r\na\n\n{POST}\r\n{POST}"),
            format!(
                "{POST}transfer-encoding: Chunked\r\n\r\n\
                 A;a=b\r\n\n\n\n\n\n\n\n\n\n\n\r\n1 \r\n\n\r\n0\r\nx: y\r\n\r\n{POST}"
            ),
            format!("{POST}x: {}\r\ncontent-length: 1\r\n\r\n\n{POST}", "y".repeat(200)),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n".to_owned(),
        ] {
            for size in [1, 2, 3, 7, 1_000] {
                assert_eq!(seen(&text, size).as_ref(), Some(&text), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn f6_a_line_feed_alone_ends_no_line() {
        for (before, after) in [
            ("GET / HTTP/1.1", "host: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nhost: a", "\r\n"),
            ("GET / HTTP/1.1\r\nhost: a\r\n", ""),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1", "\r\n"),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\nGET / HTTP/1.1", "\r\n"),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1", "a\r\n0\r\n\r\n"),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", ""),
        ] {
            let text = format!("{before}\n{after}");
            let spoilt = format!("{}\0\n\n{after}", &before[..before.len() - 2]);
            assert_eq!(seen(&text, 1_000), Some(spoilt), "{before:?}");
            assert_eq!(seen(&text, 1), None, "{before:?}");
        }
    }

    #[test]
    fn f6_a_body_before_such_a_line_stays_as_it_is() {
        let text = format!("{POST}content-length: 4\r\n\r\nbody\n{POST}");
        assert_eq!(seen(&text, 1_000), None);
    }

    #[test]
    fn f10_a_line_before_a_chunk_that_is_too_long_is_refused() {
        let before = format!("{POST}transfer-encoding: chunked\r\n\r\n");
        for line in [format!("1;{}", "x".repeat(62)), format!("{}1", "0".repeat(63))] {
            let text = format!("{before}{line}\r\na\r\n0\r\n\r\n");
            let spoilt = format!("{before}{}\0\n\na\r\n0\r\n\r\n", &line[..line.len() - 1]);
            assert_eq!(seen(&text, 1_000), Some(spoilt), "{line}");
            assert_eq!(seen(&text, 1), None, "{line}");
            let mut shorter = line;
            shorter.remove(shorter.len() / 2);
            let text = format!("{before}{shorter}\r\na\r\n0\r\n\r\n");
            for size in [1, 1_000] {
                assert_eq!(seen(&text, size).as_ref(), Some(&text), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn f1_f2_f3_f4_a_body_that_is_framed_twice_or_oddly_is_refused() {
        for head in [
            "content-length: 5\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 5",
            "content-length: 5\r\ncontent-length: 5",
            "content-length: 5, 5",
            "content-length: +5",
            "content-length: ",
            "content-length: 99999999999999999999",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "content-length:                                                            5",
        ] {
            let text = format!("{POST}{head}\r\n\r\n");
            let spoilt = format!("{POST}{}\0\n\n\r\n", &head[..head.len() - 1]);
            assert_eq!(seen(&text, 1_000), Some(spoilt), "{head}");
        }
    }
}
