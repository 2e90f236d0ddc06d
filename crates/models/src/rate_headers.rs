//! The `x-ratelimit-*` headers: what the caller's own limits have left, under the usual names.

use std::time::Duration;

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
        let [limit_name, left_name, reset_name] = names;
        headers.insert(limit_name, HeaderValue::from(limit));
        headers.insert(left_name, HeaderValue::from(left));
        if let Ok(reset) = HeaderValue::try_from(duration(reset)) {
            headers.insert(reset_name, reset);
        }
    }
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
    fn durations_look_like_the_providers() {
        let shown = |ms| duration(Duration::from_millis(ms));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(12), "12ms");
        assert_eq!(shown(1_001), "2s");
        assert_eq!(shown(360_000), "6m0s");
    }
}
