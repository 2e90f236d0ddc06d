//! Errors on the OpenAI wire: the ones that we send, and the ones that an upstream sends.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::Route;
use crate::json::{append_json, to_json};

/// The longest error body of an upstream that is looked into.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The codes and types by which an upstream says that our account has run dry.
const QUOTA_CODES: [&str; 7] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
];

#[derive(Serialize)]
struct Outer<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The body of an error answer. `kind_type` is its `type`.
pub fn error_body(
    kind_type: &str,
    code: Option<&str>,
    message: &str,
    param: Option<&str>,
) -> Vec<u8> {
    to_json(&Outer { error: Inner { message, kind: kind_type, param, code } })
}

/// The event that ends a stream which cannot go on. No `[DONE]` follows it: clients must not take
/// this for an end like others.
///
/// Responses events have no place for `kind_type`; it stands in for a `code` that is not given.
/// `sequence` is the number after the last event's; chat has none.
pub fn stream_error_event(
    route: Route,
    kind_type: &str,
    code: Option<&str>,
    message: &str,
    sequence: u64,
) -> Bytes {
    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        code: &'a str,
        message: &'a str,
        param: Option<&'a str>,
        sequence_number: u64,
    }
    let mut out = Vec::with_capacity(256);
    if route == Route::Responses {
        out.extend_from_slice(b"event: error\ndata: ");
        let code = code.unwrap_or(kind_type);
        let kind = "error";
        append_json(
            &mut out,
            &Event { kind, code, message, param: None, sequence_number: sequence },
        );
    } else {
        out.extend_from_slice(b"data: ");
        let error = Inner { message, kind: kind_type, param: None, code };
        append_json(&mut out, &Outer { error });
    }
    out.extend_from_slice(b"\n\n");
    Bytes::from(out)
}

/// Whose fault an upstream's error answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// It refused our own credential.
    Ours,
    /// It limits the rate of our account; its headers may say for how long ([`retry_after`]).
    RateLimited,
    /// Our account has run dry.
    Quota,
    /// It refused the caller's request; its answer may be passed on.
    Caller,
    /// It failed.
    Theirs,
    /// It sends us elsewhere. That is never followed.
    Redirect,
}

/// Judges an answer whose status is not 2xx by its status and the start of its body.
pub fn classify(status: u16, body: &[u8]) -> UpstreamFault {
    match status {
        300..=399 => UpstreamFault::Redirect,
        401 | 403 | 407 => UpstreamFault::Ours,
        402 => UpstreamFault::Quota,
        400 | 429 if is_quota(body) => UpstreamFault::Quota,
        429 => UpstreamFault::RateLimited,
        // A timeout between it and us is not the caller's.
        408 => UpstreamFault::Theirs,
        400..=499 => UpstreamFault::Caller,
        _ => UpstreamFault::Theirs,
    }
}

fn is_quota(body: &[u8]) -> bool {
    if body.len() > MAX_ERROR_BYTES {
        return false;
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else { return false };
    // Some put the object into a list.
    if let Some(first) = answer.get_mut(0) {
        answer = first.take();
    }
    let error = answer.get("error").unwrap_or(&answer);
    ["code", "type"]
        .into_iter()
        .filter_map(|name| error.get(name)?.as_str())
        .any(|word| QUOTA_CODES.contains(&word))
}

/// How long an upstream asks us to wait, from its headers `retry-after-ms` and `retry-after`. The
/// first counts. Seconds may have a fraction; dates are not read, and neither is what is negative
/// or longer than a day.
pub fn retry_after(retry_after_ms: Option<&[u8]>, retry_after: Option<&[u8]>) -> Option<Duration> {
    let number = |header: Option<&[u8]>| -> Option<f64> {
        std::str::from_utf8(header?).ok()?.trim().parse().ok()
    };
    let wait_s = number(retry_after_ms).map(|ms| ms / 1_000.0).or_else(|| number(retry_after))?;
    (0.0..=86_400.0).contains(&wait_s).then(|| Duration::from_secs_f64(wait_s))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_errors_have_the_providers_form() {
        let body = error_body("some_error", None, "a \"b\"\n", Some("model"));
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"{"error":{"message":"a \"b\"\n","type":"some_error","param":"model","code":null}}"#
        );
    }

    #[test]
    fn a_cut_stream_ends_with_an_error_event_in_each_dialect() {
        let chat = stream_error_event(Route::ChatCompletions, "server_error", Some("c"), "m\n", 4);
        assert_eq!(
            chat,
            "data: {\"error\":{\"message\":\"m\\n\",\"type\":\"server_error\",\"param\":null,\
             \"code\":\"c\"}}\n\n"
        );
        let responses = stream_error_event(Route::Responses, "server_error", None, "m\n", 4);
        assert_eq!(
            responses,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\
             \"message\":\"m\\n\",\"param\":null,\"sequence_number\":4}\n\n"
        );
    }

    #[test]
    fn upstream_errors_are_told_apart() {
        let quota = br#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#;
        let coded = br#"[{"error":{"code":"project_spend_limit_exceeded","type":7}}]"#;
        let rate = br#"{"error":{"code":"rate_limit_exceeded","type":"requests"}}"#;
        for (status, body, fault) in [
            (301, &b""[..], UpstreamFault::Redirect),
            (401, b"", UpstreamFault::Ours),
            (403, quota, UpstreamFault::Ours),
            (402, b"", UpstreamFault::Quota),
            (429, quota, UpstreamFault::Quota),
            (429, coded, UpstreamFault::Quota),
            (429, rate, UpstreamFault::RateLimited),
            (429, b"slow down", UpstreamFault::RateLimited),
            (400, quota, UpstreamFault::Quota),
            (400, rate, UpstreamFault::Caller),
            (404, b"", UpstreamFault::Caller),
            (408, b"", UpstreamFault::Theirs),
            (500, b"", UpstreamFault::Theirs),
            (503, quota, UpstreamFault::Theirs),
            (101, b"", UpstreamFault::Theirs),
        ] {
            assert_eq!(classify(status, body), fault, "{status} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn waits_are_read_from_both_headers() {
        let wait = |ms: Option<&str>, s: Option<&str>| {
            retry_after(ms.map(str::as_bytes), s.map(str::as_bytes)).map(|d| d.as_millis())
        };
        assert_eq!(wait(Some("1500"), Some("9")), Some(1_500));
        assert_eq!(wait(None, Some(" 2.5 ")), Some(2_500));
        assert_eq!(wait(Some("soon"), Some("3")), Some(3_000));
        for bad in ["", "-1", "NaN", "inf", "1e300", "Wed, 21 Oct 2026 07:28:00 GMT", "86401"] {
            assert_eq!(wait(None, Some(bad)), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(status in any::<u16>(), body in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = classify(status, &body);
            let _ = retry_after(Some(&body), Some(text.as_bytes()));
            let event = stream_error_event(Route::Responses, &text, None, &text, 0);
            prop_assert_eq!(event.iter().filter(|b| **b == b'\n').count(), 3);
        }
    }
}
