//! Reading what an upstream says that a call used.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_kernel::Usage;

use super::Route;

/// The largest number of tokens that is believed: what every JSON parser holds exactly.
const MAX_TOKENS: u64 = 1 << 53;

/// The usage in the whole JSON answer of a call; `None` where there is none that makes sense.
pub fn usage_of_json(route: Route, body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    usage_of(route, answer.usage?)
}

/// Reads a usage object. Chat and embeddings, and Responses, have each their own names; upstreams
/// mix them, so both are known everywhere.
///
/// Zero is a value. Details may be missing, or make no sense: then they count as zero. Input or
/// output that makes no sense (negative, a fraction, text, beyond 2^53) makes the whole `None`.
pub(super) fn usage_of(route: Route, raw: &RawValue) -> Option<Usage> {
    let usage: Value = serde_json::from_str(raw.get()).ok()?;
    let input_tokens = count(&usage, ["prompt_tokens", "input_tokens"])??;
    let output_tokens = match count(&usage, ["completion_tokens", "output_tokens"])? {
        Some(output) => output,
        None if route == Route::Embeddings => 0,
        None => count(&usage, ["total_tokens"; 2])??.checked_sub(input_tokens)?,
    };
    let of_input = detail(&usage, ["prompt_tokens_details", "input_tokens_details"]);
    let of_output = detail(&usage, ["completion_tokens_details", "output_tokens_details"]);
    let part = |details: &Value, name| count(details, [name; 2]).flatten().unwrap_or(0);
    let cached_tokens = part(of_input, "cached_tokens").min(input_tokens);
    Some(Usage {
        input_tokens,
        cached_tokens,
        cache_write_tokens: part(of_input, "cache_write_tokens").min(input_tokens - cached_tokens),
        output_tokens,
        reasoning_tokens: part(of_output, "reasoning_tokens").min(output_tokens),
    })
}

/// The number under the first of `names` that is there: `None` if it makes no sense, `Some(None)`
/// if there is none.
fn count(object: &Value, names: [&str; 2]) -> Option<Option<u64>> {
    match detail(object, names) {
        Value::Null => Some(None),
        value => value.as_u64().filter(|n| *n <= MAX_TOKENS).map(Some),
    }
}

fn detail<'a>(object: &'a Value, names: [&str; 2]) -> &'a Value {
    let found = names.into_iter().filter_map(|name| object.get(name)).find(|v| !v.is_null());
    found.unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chat(body: &str) -> Option<Usage> {
        usage_of_json(Route::ChatCompletions, body.as_bytes())
    }

    fn usage(input: u64, cached: u64, written: u64, output: u64, reasoning: u64) -> Option<Usage> {
        Some(Usage {
            input_tokens: input,
            cached_tokens: cached,
            cache_write_tokens: written,
            output_tokens: output,
            reasoning_tokens: reasoning,
        })
    }

    #[test]
    fn the_shapes_of_all_routes_are_read() {
        let body = r#"{"id":"x","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,
            "total_tokens":15,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},
            "completion_tokens_details":{"reasoning_tokens":3}}}"#;
        assert_eq!(chat(body), usage(10, 4, 2, 5, 3));
        let body = r#"{"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":1},
            "output_tokens":2,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":9}}"#;
        assert_eq!(usage_of_json(Route::Responses, body.as_bytes()), usage(7, 1, 0, 2, 2));
        let body = r#"{"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;
        assert_eq!(usage_of_json(Route::Embeddings, body.as_bytes()), usage(8, 0, 0, 0, 0));
    }

    #[test]
    fn zero_is_a_value_and_absence_is_not() {
        let zero = r#"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
        assert_eq!(chat(zero), usage(0, 0, 0, 0, 0));
        for none in ["{}", r#"{"usage":null}"#, r#"{"usage":{}}"#, r#"{"usage":[]}"#, "", "[]"] {
            assert_eq!(chat(none), None, "{none}");
        }
        assert_eq!(chat(r#"{"usage":{"prompt_tokens":3}}"#), None, "output unknown");
        let total = r#"{"usage":{"prompt_tokens":3,"total_tokens":5}}"#;
        assert_eq!(chat(total), usage(3, 0, 0, 2, 0));
    }

    #[test]
    fn details_never_exceed_what_they_are_part_of() {
        let body = r#"{"usage":{"prompt_tokens":5,"completion_tokens":1,
            "prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":7}}}"#;
        assert_eq!(chat(body), usage(5, 4, 1, 1, 1));
    }

    #[test]
    fn m9_numbers_that_make_no_sense_are_ignored() {
        for bad in ["-1", "1.5", "1e30", "\"5\"", "[5]", "{}", "true", "9007199254740993", "1e2"] {
            for name in ["prompt_tokens", "completion_tokens"] {
                let other =
                    if name == "prompt_tokens" { "completion_tokens" } else { "prompt_tokens" };
                let body = format!(r#"{{"usage":{{"{name}":{bad},"{other}":1}}}}"#);
                assert_eq!(chat(&body), None, "{body}");
            }
            let detail = format!(
                r#"{{"usage":{{"prompt_tokens":5,"completion_tokens":1,
                    "prompt_tokens_details":{{"cached_tokens":{bad}}},
                    "completion_tokens_details":{bad}}}}}"#
            );
            assert_eq!(chat(&detail), usage(5, 0, 0, 1, 0), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in any::<Vec<u8>>(), number in "[-+0-9.eE\"]{0,12}") {
            for route in Route::ALL {
                let _ = usage_of_json(route, &body);
                let text = format!(r#"{{"usage":{{"prompt_tokens":{number}}}}}"#);
                let _ = usage_of_json(route, text.as_bytes());
            }
        }
    }
}
