//! What an answer will be, worked out before its first byte: how long, how it ends, what it costs.

use serde::Deserialize;
use serde_json::{Value, json};

use super::control::{Control, Echo, End, Input, Spend, Told};
use super::text::{Words, tokens};

/// What chat and Responses requests have in common, once read.
pub(super) struct Asked {
    /// Tokens of all texts of the request.
    pub(super) prompt_tokens: u64,
    /// Bytes of its body.
    pub(super) body_bytes: u64,
    /// The most output tokens of an answer.
    pub(super) ceiling: Option<u64>,
    /// How many answers.
    pub(super) answers: u64,
    /// The tool to call, where the caller offers one and speaks of the weather.
    pub(super) tool: Option<Tool>,
    /// The key of the request.
    pub(super) key: String,
}

/// A function that the caller offers.
pub(super) struct Tool {
    pub(super) name: String,
    /// The JSON text of its arguments.
    pub(super) arguments: String,
}

/// An answer.
pub(super) struct Answer {
    pub(super) words: Words,
    /// Tokens of content in each answer.
    pub(super) count: u64,
    pub(super) answers: u64,
    /// Whether the ceiling cut it.
    pub(super) cut: bool,
    pub(super) tool: Option<Tool>,
    pub(super) counts: Counts,
}

/// Usage, as figures.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

impl Answer {
    /// What `control` wants of the answer to `asked`.
    pub(super) fn to(asked: Asked, control: &Control) -> Self {
        let words = match &asked.tool {
            Some(tool) => Words::of(&tool.arguments),
            None => text(&asked, control),
        };
        let ceiling = asked.ceiling.unwrap_or(u64::MAX).max(1);
        let needed = control.chunks.filter(|_| asked.tool.is_none()).unwrap_or(words.len());
        let stated = asked.ceiling.map(|ceiling| ceiling.max(1));
        let (count, cut) = match control.spend {
            Spend::Needed => (needed.min(ceiling), needed > ceiling),
            Spend::Hold => (stated.unwrap_or(needed), true),
            Spend::Third => (stated.map_or(needed, |ceiling| (ceiling / 3).max(1)), false),
            Spend::Beyond(fixed) => {
                (fixed.unwrap_or_else(|| stated.unwrap_or(needed).saturating_mul(4)), false)
            }
        };
        let input = match control.input {
            Input::Counted => asked.prompt_tokens,
            Input::Bytes => asked.body_bytes,
            Input::Fixed(tokens) => tokens,
        };
        let counts = Counts {
            input,
            cached: control.cached.min(input),
            output: count * asked.answers + control.reasoning,
            reasoning: control.reasoning,
        };
        let cut = cut || control.end == End::Incomplete;
        Self { words, count, answers: asked.answers, cut, tool: asked.tool, counts }
    }
}

fn text(asked: &Asked, control: &Control) -> Words {
    let key = &asked.key;
    let said = |parts: &[&str]| Words::pieces(parts.iter().map(|part| (*part).to_owned()));
    match control.echo {
        Some(Echo::All | Echo::Body | Echo::Split) => {
            said(&["The ", "key ", "was ", &format!("{key} "), "I ", "think. "])
        }
        Some(Echo::Deltas) => {
            let (first, second) = key.split_at_checked(key.len() / 2).unwrap_or((key, ""));
            said(&["The ", "key ", "was ", first, &format!("{second} "), "I ", "think. "])
        }
        Some(Echo::Header) | None => Words::for_people(asked.prompt_tokens),
    }
}

impl Counts {
    /// What is told of these figures; `None`: nothing.
    pub(super) fn told(self, told: Told) -> Option<Self> {
        match told {
            Told::Never => None,
            Told::AsZero => Some(Self::default()),
            Told::Honestly | Told::OnLastChunk | Told::Cumulative => Some(self),
        }
    }

    /// The usage object of chat completions.
    pub(super) fn chat(self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }

    /// The usage object of Responses.
    pub(super) fn response(self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        })
    }
}

/// Content of a message: a text, or parts of which some are texts.
#[derive(Deserialize, Default)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
    #[default]
    Nothing,
}

#[derive(Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    pub(super) fn tokens(&self) -> u64 {
        self.texts().map(tokens).sum()
    }

    pub(super) fn speaks_of_weather(&self) -> bool {
        self.texts().any(|text| text.to_lowercase().contains("weather"))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, parts) = match self {
            Self::Text(text) => (Some(text.as_str()), &[][..]),
            Self::Parts(parts) => (None, parts.as_slice()),
            Self::Nothing => (None, &[][..]),
        };
        text.into_iter().chain(parts.iter().filter_map(|part| part.text.as_deref()))
    }
}

impl Tool {
    /// A call of the function `name` with a word for its first required parameter.
    pub(super) fn call(name: &str, parameters: &Value) -> Self {
        let parameter = parameters.pointer("/required/0").cloned();
        let parameter = parameter.unwrap_or_else(|| "location".into());
        Self { name: name.to_owned(), arguments: format!("{{ {parameter}: \"Paris\" }}") }
    }
}
