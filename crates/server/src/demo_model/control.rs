//! Tests tell the demo model what to do by the name of the model that they ask for:
//! `mock/`, then directives joined by `;` or `,`, for example `mock/chunks=100;every=10ms`.

use std::time::Duration;

/// What a name asks for. The default behaves like an honest provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Wait before the answer starts.
    pub delay: Duration,
    /// The answer has so many tokens, each an event of its own (within the ceiling).
    pub chunks: Option<u64>,
    /// Wait before each event with content.
    pub every: Duration,
    /// The second half of the answer takes this long in all.
    pub slow_tail: Duration,
    /// How much of the ceiling is used.
    pub spend: Spend,
    /// What the input counts as.
    pub input: Input,
    /// So many tokens of the input came from a cache.
    pub cached: u64,
    /// So many tokens of reasoning are used that nobody sees.
    pub reasoning: u64,
    /// How usage is told.
    pub usage: Told,
    /// What goes wrong on the wire.
    pub fault: Option<Fault>,
    /// Where the key of the request is written into the answer.
    pub echo: Option<Echo>,
    /// How the answer ends.
    pub end: End,
    /// The status of an error instead of an answer, from 300 on.
    pub status: Option<u16>,
    /// The error's `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The error is that the account has run dry.
    pub quota: bool,
}

/// How much of the ceiling is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spend {
    /// What the answer needs.
    #[default]
    Needed,
    /// All of it.
    Hold,
    /// A third, at least one token.
    Third,
    /// So many tokens, whatever the ceiling; `None`: four times the ceiling.
    Beyond(Option<u64>),
}

/// What the input counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// The tokens of its texts.
    #[default]
    Counted,
    /// As many tokens as the request's body has bytes.
    Bytes,
    /// This many tokens.
    Fixed(u64),
}

/// How usage is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// As OpenAI does.
    #[default]
    Honestly,
    /// Not at all.
    Never,
    /// All figures are zero.
    AsZero,
    /// In a chat stream on the last event with a choice, asked for or not.
    OnLastChunk,
    /// In a chat stream on every event, as it grows, asked for or not.
    Cumulative,
}

/// What goes wrong on the wire. In the middle means: after half of the tokens, or of the JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Silence in the middle, the connection open.
    Stall,
    /// Silence instead of an answer.
    StallHead,
    /// The connection is reset in the middle.
    Reset,
    /// The connection is reset instead of an answer.
    ResetHead,
    /// Half an event or half the JSON text, then a clean end.
    HalfFrame,
    /// Something that is not JSON, then a clean end.
    Garbage,
    /// Something that is not HTTP.
    GarbageHead,
    /// 307 to another path of this server, which counts who follows.
    Redirect,
}

/// Where the key of the request is written into the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// In a header and in the content.
    All,
    /// In the header `x-echo-authorization`.
    Header,
    /// In the content.
    Body,
    /// In the content, in one event that is cut inside the key into two writes.
    Split,
    /// In the content, half in one event and half in the next.
    Deltas,
}

/// How the answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As it should.
    #[default]
    Whole,
    /// Responses: `incomplete`; chat: finished by `length`.
    Incomplete,
    /// Responses: `failed`, with usage; chat: an error event in the middle, or status 500.
    Failed,
}

type Set = fn(Control, &str) -> Option<Control>;

/// Every directive: its name, what it takes (for people), and what it does.
const DIRECTIVES: &[(&str, &str, Set)] = &[
    ("delay", "DURATION", |c, v| Some(Control { delay: duration(v)?, ..c })),
    ("chunks", "COUNT", |c, v| {
        Some(Control { chunks: Some(v.parse().ok().filter(|n| *n > 0)?), ..c })
    }),
    ("every", "DURATION", |c, v| Some(Control { every: duration(v)?, ..c })),
    ("slow-tail", "DURATION", |c, v| Some(Control { slow_tail: duration(v)?, ..c })),
    ("spend", "hold | third", |c, v| {
        Some(Control { spend: one_of(v, &[("hold", Spend::Hold), ("third", Spend::Third)])?, ..c })
    }),
    ("ignore-ceiling", "[TOKENS]", |c, v| {
        Some(Control { spend: Spend::Beyond(optional(v)?), ..c })
    }),
    ("input", "bytes | TOKENS", |c, v| {
        let fixed = || v.parse().ok().map(Input::Fixed);
        Some(Control { input: one_of(v, &[("bytes", Input::Bytes)]).or_else(fixed)?, ..c })
    }),
    ("cached", "TOKENS", |c, v| Some(Control { cached: v.parse().ok()?, ..c })),
    ("reasoning", "TOKENS", |c, v| Some(Control { reasoning: v.parse().ok()?, ..c })),
    ("no-usage", "", |c, v| Some(Control { usage: one_of(v, &[("", Told::Never)])?, ..c })),
    ("zero-usage", "", |c, v| Some(Control { usage: one_of(v, &[("", Told::AsZero)])?, ..c })),
    ("usage-on-last-chunk", "", |c, v| {
        Some(Control { usage: one_of(v, &[("", Told::OnLastChunk)])?, ..c })
    }),
    ("cumulative-usage", "", |c, v| {
        Some(Control { usage: one_of(v, &[("", Told::Cumulative)])?, ..c })
    }),
    ("stall", "[head]", |c, v| {
        Some(Control {
            fault: Some(one_of(v, &[("", Fault::Stall), ("head", Fault::StallHead)])?),
            ..c
        })
    }),
    ("reset", "[head]", |c, v| {
        Some(Control {
            fault: Some(one_of(v, &[("", Fault::Reset), ("head", Fault::ResetHead)])?),
            ..c
        })
    }),
    ("half-frame", "", |c, v| {
        Some(Control { fault: Some(one_of(v, &[("", Fault::HalfFrame)])?), ..c })
    }),
    ("garbage", "[head]", |c, v| {
        Some(Control {
            fault: Some(one_of(v, &[("", Fault::Garbage), ("head", Fault::GarbageHead)])?),
            ..c
        })
    }),
    ("redirect", "", |c, v| {
        Some(Control { fault: Some(one_of(v, &[("", Fault::Redirect)])?), ..c })
    }),
    ("echo-key", "[header | body | split | deltas]", |c, v| {
        let places = [
            ("", Echo::All),
            ("header", Echo::Header),
            ("body", Echo::Body),
            ("split", Echo::Split),
            ("deltas", Echo::Deltas),
        ];
        Some(Control { echo: Some(one_of(v, &places)?), ..c })
    }),
    ("incomplete", "", |c, v| Some(Control { end: one_of(v, &[("", End::Incomplete)])?, ..c })),
    ("failed", "", |c, v| Some(Control { end: one_of(v, &[("", End::Failed)])?, ..c })),
    ("status", "300 to 599", |c, v| {
        Some(Control { status: Some(v.parse().ok().filter(|s| (300..600).contains(s))?), ..c })
    }),
    ("retry-after", "SECONDS", |c, v| Some(Control { retry_after: Some(v.parse().ok()?), ..c })),
    ("quota", "", |c, v| Some(Control { quota: one_of(v, &[("", true)])?, ..c })),
];

impl Control {
    /// What `model` asks for; nothing special unless its name is `mock/…`. A directive that does
    /// not exist is an error, so that a test cannot test nothing.
    pub fn parse(model: &str) -> Result<Self, String> {
        let mut control = Self::default();
        let Some(directives) = model.strip_prefix("mock/") else { return Ok(control) };
        for directive in directives.split([';', ',']) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let known = DIRECTIVES.iter().find(|(other, ..)| *other == name);
            let (_, takes, set) = known.ok_or_else(|| {
                let names: Vec<&str> = DIRECTIVES.iter().map(|(name, ..)| *name).collect();
                format!("there is no directive {name:?}; there are {}", names.join(", "))
            })?;
            control = set(control, value)
                .ok_or_else(|| format!("{name} does not take {value:?} but {takes:?}"))?;
        }
        Ok(control)
    }
}

fn one_of<T: Copy>(word: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(other, _)| *other == word).map(|(_, value)| *value)
}

/// `None` inside for an empty text.
fn optional(text: &str) -> Option<Option<u64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

/// Reads `5ms` or `30s`.
fn duration(text: &str) -> Option<Duration> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: impl FnOnce(&mut Control)) -> Result<Control, String> {
        let mut control = Control::default();
        set(&mut control);
        Ok(control)
    }

    #[test]
    fn each_directive_does_what_its_name_says() {
        let ms = Duration::from_millis;
        let table: &[(&str, Result<Control, String>)] = &[
            ("gpt-4o-mini", with(|_| {})),
            ("mock", with(|_| {})),
            ("mock/delay=5ms", with(|c| c.delay = ms(5))),
            ("mock/slow-tail=30s", with(|c| c.slow_tail = ms(30_000))),
            ("mock/chunks=100,every=10ms", with(|c| (c.chunks, c.every) = (Some(100), ms(10)))),
            (
                "mock/spend=hold;input=bytes",
                with(|c| (c.spend, c.input) = (Spend::Hold, Input::Bytes)),
            ),
            (
                "mock/spend=third;input=9",
                with(|c| (c.spend, c.input) = (Spend::Third, Input::Fixed(9))),
            ),
            ("mock/ignore-ceiling", with(|c| c.spend = Spend::Beyond(None))),
            ("mock/ignore-ceiling=70", with(|c| c.spend = Spend::Beyond(Some(70)))),
            ("mock/cached=3;reasoning=4", with(|c| (c.cached, c.reasoning) = (3, 4))),
            ("mock/no-usage", with(|c| c.usage = Told::Never)),
            ("mock/zero-usage", with(|c| c.usage = Told::AsZero)),
            ("mock/usage-on-last-chunk", with(|c| c.usage = Told::OnLastChunk)),
            ("mock/cumulative-usage", with(|c| c.usage = Told::Cumulative)),
            ("mock/stall", with(|c| c.fault = Some(Fault::Stall))),
            ("mock/stall=head", with(|c| c.fault = Some(Fault::StallHead))),
            ("mock/reset", with(|c| c.fault = Some(Fault::Reset))),
            ("mock/reset=head", with(|c| c.fault = Some(Fault::ResetHead))),
            ("mock/half-frame", with(|c| c.fault = Some(Fault::HalfFrame))),
            ("mock/garbage", with(|c| c.fault = Some(Fault::Garbage))),
            ("mock/garbage=head", with(|c| c.fault = Some(Fault::GarbageHead))),
            ("mock/redirect", with(|c| c.fault = Some(Fault::Redirect))),
            ("mock/echo-key", with(|c| c.echo = Some(Echo::All))),
            ("mock/echo-key=header", with(|c| c.echo = Some(Echo::Header))),
            ("mock/echo-key=body", with(|c| c.echo = Some(Echo::Body))),
            ("mock/echo-key=split", with(|c| c.echo = Some(Echo::Split))),
            ("mock/echo-key=deltas", with(|c| c.echo = Some(Echo::Deltas))),
            ("mock/incomplete", with(|c| c.end = End::Incomplete)),
            ("mock/failed", with(|c| c.end = End::Failed)),
            (
                "mock/status=429,retry-after=700",
                with(|c| (c.status, c.retry_after) = (Some(429), Some(700))),
            ),
            ("mock/quota", with(|c| c.quota = true)),
        ];
        for (name, expected) in table {
            assert_eq!(&Control::parse(name), expected, "{name}");
        }
        let tried = |name: &str| table.iter().any(|(model, _)| model.contains(name));
        let untried: Vec<&str> =
            DIRECTIVES.iter().map(|(name, ..)| *name).filter(|name| !tried(name)).collect();
        assert!(untried.is_empty(), "{untried:?}");
    }

    #[test]
    fn a_wrong_directive_is_an_error() {
        for (name, word) in [
            ("mock/", "no directive \"\""),
            ("mock/stal", "no directive \"stal\""),
            ("mock/stall=tail", "\"[head]\""),
            ("mock/delay=5", "DURATION"),
            ("mock/delay", "DURATION"),
            ("mock/chunks=0", "COUNT"),
            ("mock/status=200", "300 to 599"),
            ("mock/quota=1", "does not take"),
            ("mock/no-usage;", "no directive"),
        ] {
            let told = Control::parse(name).err().unwrap_or_default();
            assert!(told.contains(word), "{name}: {told}");
        }
    }
}
