//! Reading what an upstream says that a call used.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tollgate_kernel::Usage;

use super::Route;

/// The largest number of tokens that is believed: what every JSON parser holds exactly.
const MAX_TOKENS: u64 = 1 << 53;

/// The usage in the whole JSON answer of a call; `None` where there is none that makes sense.
pub fn usage_of_json(route: Route, body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Answer {
        usage: Option<Said>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    answer.usage?.usage(route)
}

/// Reads a usage object of a stream's event.
pub(super) fn usage_of(route: Route, raw: &RawValue) -> Option<Usage> {
    serde_json::from_str::<Said>(raw.get()).ok()?.usage(route)
}

/// A usage object. Chat and embeddings, and Responses, have each their own names; upstreams mix
/// them, so both are known everywhere.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    prompt_tokens: Count,
    input_tokens: Count,
    completion_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Details,
    input_tokens_details: Details,
    completion_tokens_details: Details,
    output_tokens_details: Details,
}

impl Said {
    /// Zero is a value. Details may be missing, or make no sense: then they count as zero. Input or
    /// output that makes no sense (negative, a fraction, text, beyond 2^53) makes the whole `None`.
    fn usage(self, route: Route) -> Option<Usage> {
        let input_tokens = self.prompt_tokens.or(self.input_tokens).tokens()??;
        let output_tokens = match self.completion_tokens.or(self.output_tokens).tokens()? {
            Some(output) => output,
            None if route == Route::Embeddings => 0,
            None => self.total_tokens.tokens()??.checked_sub(input_tokens)?,
        };
        let of_input = self.prompt_tokens_details.or(self.input_tokens_details);
        let of_output = self.completion_tokens_details.or(self.output_tokens_details);
        let part = |count: Count| count.tokens().flatten().unwrap_or(0);
        let cached_tokens = part(of_input.cached_tokens).min(input_tokens);
        let cache_write_tokens = part(of_input.cache_write_tokens);
        Some(Usage {
            input_tokens,
            cached_tokens,
            cache_write_tokens: cache_write_tokens.min(input_tokens - cached_tokens),
            output_tokens,
            reasoning_tokens: part(of_output.reasoning_tokens).min(output_tokens),
        })
    }
}

/// What stands where a number of tokens is expected.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Count {
    #[default]
    Missing,
    Tokens(u64),
    Nonsense,
}

impl Count {
    /// This one, or where nothing stands the `other`.
    fn or(self, other: Self) -> Self {
        if self == Self::Missing { other } else { self }
    }

    /// `None` if it makes no sense, `Some(None)` if nothing stands there.
    fn tokens(self) -> Option<Option<u64>> {
        match self {
            Self::Missing => Some(None),
            Self::Tokens(n) => Some(Some(n)),
            Self::Nonsense => None,
        }
    }
}

/// What stands where details are expected: anything but an object says nothing.
#[derive(Clone, Copy, Default)]
struct Details {
    is_there: bool,
    cached_tokens: Count,
    cache_write_tokens: Count,
    reasoning_tokens: Count,
}

impl Details {
    fn or(self, other: Self) -> Self {
        if self.is_there { self } else { other }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Anything).map(|found| match found {
            Thing::Null => Self::Missing,
            Thing::Number(n) if n <= MAX_TOKENS => Self::Tokens(n),
            Thing::Number(_) | Thing::Object(_) | Thing::Other => Self::Nonsense,
        })
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Anything).map(|found| match found {
            Thing::Null => Self::default(),
            Thing::Object(details) => Self { is_there: true, ..details },
            Thing::Number(_) | Thing::Other => Self { is_there: true, ..Self::default() },
        })
    }
}

/// A JSON value as far as it matters here.
enum Thing {
    Null,
    Number(u64),
    Object(Details),
    Other,
}

/// Takes any JSON value, so that one that makes no sense is no reason to overlook the others.
struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Thing;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Thing, E> {
        Ok(Thing::Null)
    }

    fn visit_u64<E>(self, n: u64) -> Result<Thing, E> {
        Ok(Thing::Number(n))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Thing, E> {
        Ok(Thing::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Thing, E> {
        Ok(Thing::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Thing, E> {
        Ok(Thing::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Thing, E> {
        Ok(Thing::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Thing, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Thing::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Thing, A::Error> {
        let mut details = Details::default();
        while let Some(name) = object.next_key::<std::borrow::Cow<'_, str>>()? {
            let place = match name.as_ref() {
                "cached_tokens" => &mut details.cached_tokens,
                "cache_write_tokens" => &mut details.cache_write_tokens,
                "reasoning_tokens" => &mut details.reasoning_tokens,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *place = object.next_value()?;
        }
        Ok(Thing::Object(details))
    }
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
