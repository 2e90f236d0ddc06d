//! The `x-ratelimit-*` headers: what the caller's own limits have left, under the usual names.

use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_gate::RateStanding;

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Adds what is left. A limit that does not exist has no headers.
pub(crate) fn write(standing: &RateStanding, headers: &mut HeaderMap) {
    // One piece of memory for all of them.
    let mut text = BytesMut::with_capacity(96);
    for (names, rate) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        let Some((limit, left, reset)) = rate else { continue };
        let [limit_name, left_name, reset_name] = names;
        digits(&mut text, limit.into());
        put(headers, limit_name, &mut text);
        digits(&mut text, left.into());
        put(headers, left_name, &mut text);
        Wait::of(reset).write(&mut text);
        put(headers, reset_name, &mut text);
    }
}

/// Makes a header of what stands in `text`. Digits and letters are always a value.
fn put(headers: &mut HeaderMap, name: HeaderName, text: &mut BytesMut) {
    if let Ok(value) = HeaderValue::from_maybe_shared(text.split().freeze()) {
        headers.insert(name, value);
    }
}

fn digits(text: &mut BytesMut, n: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// A wait as the provider writes it: `0s`, `12ms`, `6m0s`.
enum Wait {
    Ms(u64),
    S(u64),
}

impl Wait {
    fn of(wait: Duration) -> Self {
        let ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        match ns.div_ceil(1_000_000) {
            ms @ 1..1_000 => Self::Ms(ms),
            ms => Self::S(ms.div_ceil(1_000)),
        }
    }

    fn write(self, text: &mut BytesMut) {
        let (n, unit): (_, &[u8]) = match self {
            Self::Ms(ms) => (ms, b"ms"),
            Self::S(s @ 0..60) => (s, b"s"),
            Self::S(s) => {
                digits(text, s / 60);
                text.extend_from_slice(b"m");
                (s % 60, b"s")
            }
        };
        digits(text, n);
        text.extend_from_slice(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_has_its_own_number() {
        let reset = Duration::from_millis(12);
        let standing =
            RateStanding { requests: Some((60, 0, reset)), tokens: Some((1_000, 999, reset)) };
        let mut headers = HeaderMap::new();
        write(&standing, &mut headers);
        let of = |name: &str| headers.get(name).map(|value| value.as_bytes().to_vec());
        let expected =
            [("limit", "60", "1000"), ("remaining", "0", "999"), ("reset", "12ms", "12ms")];
        for (what, requests, tokens) in expected {
            assert_eq!(of(&format!("x-ratelimit-{what}-requests")), Some(requests.into()));
            assert_eq!(of(&format!("x-ratelimit-{what}-tokens")), Some(tokens.into()));
        }
    }

    #[test]
    fn durations_look_like_the_providers() {
        let shown = |ms| {
            let mut text = BytesMut::new();
            Wait::of(Duration::from_millis(ms)).write(&mut text);
            text
        };
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(12), "12ms");
        assert_eq!(shown(1_001), "2s");
        assert_eq!(shown(360_000), "6m0s");
    }
}
