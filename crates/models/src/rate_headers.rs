//! The `x-ratelimit-*` headers: what the caller's own limits have left, under the usual names.

use std::time::Duration;

use bytes::Bytes;
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
    for (names, rate) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        let Some((limit, left, reset)) = rate else { continue };
        // One piece of memory for all three.
        let text = format!("{limit}{left}{}", duration(reset));
        let (limit_end, left_end) = (digits(limit), digits(limit) + digits(left));
        let bytes = Bytes::from(text);
        let parts = [0..limit_end, limit_end..left_end, left_end..bytes.len()];
        for (name, part) in names.into_iter().zip(parts) {
            if let Ok(value) = HeaderValue::from_maybe_shared(bytes.slice(part)) {
                headers.insert(name, value);
            }
        }
    }
}

/// How many digits `n` has.
fn digits(n: u32) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// A duration as the provider writes it: `0s`, `12ms`, `6m0s`.
fn duration(wait: Duration) -> String {
    let ms = wait.as_nanos().div_ceil(1_000_000);
    match ms {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ms}ms"),
        _ => {
            let s = ms.div_ceil(1_000);
            if s < 60 { format!("{s}s") } else { format!("{}m{}s", s / 60, s % 60) }
        }
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
        let shown = |ms| duration(Duration::from_millis(ms));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(12), "12ms");
        assert_eq!(shown(1_001), "2s");
        assert_eq!(shown(360_000), "6m0s");
    }
}
