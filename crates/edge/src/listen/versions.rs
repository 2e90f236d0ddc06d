//! HTTP/1.1 and HTTP/2 on one port, told apart by a look at the first bytes.
//!
//! The bytes stay in the socket: a reader that takes them out and gives them back would leave hyper
//! with a buffer of twice the size for as long as the connection lasts.

use std::io;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;

/// Most headers of one request.
const MAX_HEADERS: usize = 100;

/// Largest head of a request, in bytes: its first line and its headers. On HTTP/2 each header
/// counts for 32 more (RFC 9113, 6.5.2).
pub(crate) const MAX_HEAD: usize = 64 * 1_024;

/// Most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// How often a quiet HTTP/2 connection is asked whether it lives, and how long it has to say so.
pub(super) const PING: Duration = Duration::from_secs(20);

/// What HTTP/2 begins with (RFC 9113, 3.4); no method of HTTP/1.1 does.
const PREFACE: &[u8; 3] = b"PRI";

/// How long the rest of so few bytes is waited for at first; then twice as long, and so on. That
/// some are there is no news to a socket: it would say so at once, again and again.
const REST: Duration = Duration::from_millis(5);

/// How long it is waited for at most, until it is looked for again.
const REST_MAX: Duration = Duration::from_millis(640);

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1.0 and 1.1.
    One,
    /// HTTP/2.
    Two,
}

impl Version {
    /// The version that the other end of `stream` speaks, once it has said something.
    pub(super) async fn of(stream: &TcpStream) -> io::Result<Self> {
        let mut first = [0; PREFACE.len()];
        let mut rest = REST;
        loop {
            let count = stream.peek(&mut first).await?;
            let said = first.get(..count).unwrap_or_default();
            if said == PREFACE {
                return Ok(Self::Two);
            }
            if count == 0 || !PREFACE.starts_with(said) {
                return Ok(Self::One);
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(REST_MAX);
        }
    }
}

/// How HTTP/1.1 is served.
pub(super) fn one() -> http1::Builder {
    let mut one = http1::Builder::new();
    // hyper makes a timer for each head; `Paced` has one for the whole connection.
    one.header_read_timeout(None).max_headers(MAX_HEADERS);
    // What is read at once may be more than the buffer's bound, so the head has one of its own.
    one.max_buf_size(MAX_HEAD).max_header_size(MAX_HEAD);
    one
}

/// How HTTP/2 is served.
pub(super) fn two() -> http2::Builder<TokioExecutor> {
    let mut two = http2::Builder::new(TokioExecutor::new());
    two.timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD as u32)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    two
}
