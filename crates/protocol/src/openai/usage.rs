//! Reading what an upstream says that a call used.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_kernel::{Error, Usage};

use super::Route;
use crate::json_scan::{Member, Value, Visitor, scan_object};

/// The largest number of tokens that is believed: what every JSON parser holds exactly.
const MAX_TOKENS: u64 = 1 << 53;

/// The usage in the whole JSON answer of a call; `None` where there is none that makes sense.
pub fn usage_of_json(route: Route, body: &[u8]) -> Option<Usage> {
    match scanned(body) {
        Ok(said) => said?.usage(route),
        Err(_) => usage_of_odd_json(route, body),
    }
}

/// What an answer says in its one pass: the way of almost every answer.
fn scanned(body: &[u8]) -> Result<Option<Said>, Error> {
    let text = std::str::from_utf8(body).map_err(Error::internal)?;
    let mut reader = Reader::at(IN_ANSWER);
    scan_object(text, &mut reader)?;
    Ok(reader.of_answer)
}

/// The same of an answer that is no JSON, or is JSON and nests deeper than the scanner goes, or
/// holds bytes that are no text.
fn usage_of_odd_json(route: Route, body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    // A list would be read as the members of an answer, one by one.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    usage_of(route, answer.usage?)
}

/// Reads a usage object of a stream's event.
pub(super) fn usage_of(route: Route, raw: &RawValue) -> Option<Usage> {
    let mut reader = Reader::at(ALONE);
    scan_object(raw.get(), &mut reader).ok()?;
    reader.said.usage(route)
}

/// How deep the members of a usage object stand: in an answer, and by itself.
const IN_ANSWER: usize = 2;
const ALONE: usize = 1;

/// Reads what is said of usage while a text is scanned. Members end inside out: what stands in one
/// is kept until it is known whose it is.
struct Reader {
    /// How deep the members of the usage object stand.
    level: usize,
    details: Details,
    said: Said,
    /// The answer's own usage, once it has ended.
    of_answer: Option<Said>,
}

impl Reader {
    fn at(level: usize) -> Self {
        let (details, said) = (Details::default(), Said::default());
        Self { level, details, said, of_answer: None }
    }
}

impl<'a> Visitor<'a> for Reader {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth > self.level + 1 {
            return Ok(());
        }
        let name = member.name().ok_or_else(|| Error::invalid("a name that is no text"))?;
        if member.depth > self.level {
            self.details.note(&name, member.value);
        } else if member.depth == self.level {
            let details = std::mem::take(&mut self.details);
            self.said.note(&name, member.value, details);
        } else {
            self.details = Details::default();
            let said = std::mem::take(&mut self.said);
            if name == "usage" {
                let is_second = self.of_answer.is_some();
                let said = if is_object(member.value) { said } else { Said::default() };
                self.of_answer = Some(Said { is_doubtful: said.is_doubtful || is_second, ..said });
            }
        }
        Ok(())
    }
}

fn is_object(value: Value<'_>) -> bool {
    value.text.starts_with('{')
}

/// A usage object. Chat and embeddings, and Responses, have each their own names; upstreams mix
/// them, so both are known everywhere. `None` is what nothing was said of.
#[derive(Default)]
struct Said {
    prompt_tokens: Option<Count>,
    input_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    /// A member stands there twice: which one counts?
    is_doubtful: bool,
}

impl Said {
    fn note(&mut self, name: &str, value: Value<'_>, details: Details) {
        let count = match name {
            "prompt_tokens" => &mut self.prompt_tokens,
            "input_tokens" => &mut self.input_tokens,
            "completion_tokens" => &mut self.completion_tokens,
            "output_tokens" => &mut self.output_tokens,
            "total_tokens" => &mut self.total_tokens,
            _ => return self.note_details(name, value, details),
        };
        self.is_doubtful |= count.replace(Count::of(value)).is_some();
    }

    fn note_details(&mut self, name: &str, value: Value<'_>, details: Details) {
        let place = match name {
            "prompt_tokens_details" => &mut self.prompt_tokens_details,
            "input_tokens_details" => &mut self.input_tokens_details,
            "completion_tokens_details" => &mut self.completion_tokens_details,
            "output_tokens_details" => &mut self.output_tokens_details,
            _ => return,
        };
        let details = if is_object(value) { details } else { Details::default() };
        let details = Details { is_there: !value.is_null(), ..details };
        self.is_doubtful |= place.replace(details).is_some();
    }

    /// Zero is a value. Details may be missing, or make no sense: then they count as zero. Input or
    /// output that makes no sense (negative, a fraction, text, beyond 2^53) makes the whole `None`.
    fn usage(self, route: Route) -> Option<Usage> {
        if self.is_doubtful {
            return None;
        }
        let count = |one: Option<Count>| one.unwrap_or_default();
        let input_tokens = count(self.prompt_tokens).or(count(self.input_tokens)).tokens()??;
        let output = count(self.completion_tokens).or(count(self.output_tokens));
        let output_tokens = match output.tokens()? {
            Some(output) => output,
            None if route == Route::Embeddings => 0,
            None => count(self.total_tokens).tokens()??.checked_sub(input_tokens)?,
        };
        let details = |one: Option<Details>| one.unwrap_or_default();
        let of_input = details(self.prompt_tokens_details).or(details(self.input_tokens_details));
        let of_output =
            details(self.completion_tokens_details).or(details(self.output_tokens_details));
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
    /// Digits alone are a number of tokens; JSON has no other way to write a whole one.
    fn of(value: Value<'_>) -> Self {
        match value.text.parse::<u64>() {
            Ok(n) if n <= MAX_TOKENS => Self::Tokens(n),
            _ if value.is_null() => Self::Missing,
            _ => Self::Nonsense,
        }
    }

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
    fn note(&mut self, name: &str, value: Value<'_>) {
        let place = match name {
            "cached_tokens" => &mut self.cached_tokens,
            "cache_write_tokens" => &mut self.cache_write_tokens,
            "reasoning_tokens" => &mut self.reasoning_tokens,
            _ => return,
        };
        *place = Count::of(value);
    }

    fn or(self, other: Self) -> Self {
        if self.is_there { self } else { other }
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

    #[test]
    fn only_the_answers_own_usage_counts_and_only_once() {
        let said = r#"{"prompt_tokens":1,"completion_tokens":2}"#;
        let hidden = [
            format!(r#"{{"choices":[{{"usage":{said}}}]}}"#),
            format!(r#"{{"x":{{"usage":{said}}}}}"#),
            format!(r#"{{"x":{said}}}"#),
            format!(r#"{{"x":"\"usage\":{{}}","Usage":{said}}}"#),
            format!(r#"{{"usage":[{said}]}}"#),
            format!(r#"{{"usage":{{"usage":{said}}}}}"#),
            format!(r#"{{"x":{said},"usage":{{}}}}"#),
            format!(r#"{{"usage":{said},"usage":{said}}}"#),
            format!(r#"{{"usage":{said},"usage":null}}"#),
            format!(r#"{{"usage":{said}"#),
            format!("[{said}]"),
            r#"{"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens":1}}"#.to_owned(),
        ];
        for body in hidden {
            assert_eq!(chat(&body), None, "{body}");
        }
        let shown = [
            format!(r#"{{"x":{{"prompt_tokens":9}},"\u0075sage":{said},"y":{said}}}"#),
            format!(r#"{{"x":[{{"cached_tokens":1}}],"usage":{said}}}"#),
            format!(r#" {{"usage" : {said} , "x":{}1{}}} "#, "[".repeat(500), "]".repeat(500)),
        ];
        for body in shown {
            assert_eq!(chat(&body), usage(1, 0, 0, 2, 0), "{body}");
        }
        let bytes = [br#"{"x":""#, &b"\xff"[..], br#"","usage":"#, said.as_bytes(), b"}"].concat();
        assert_eq!(usage_of_json(Route::ChatCompletions, &bytes), usage(1, 0, 0, 2, 0));
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
