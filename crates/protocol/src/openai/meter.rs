//! Watching a stream as it passes: what it used, and how it ended.
//!
//! An ordinary frame is searched for a few words and never parsed: there are hundreds of them in a
//! call, and one that matters.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr2, memchr3};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tollgate_kernel::Usage;

use super::Route;
use super::usage::usage_of;
use crate::sse::RawEvent;

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""usage""#));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""error""#));
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""delta""#));

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Give its bytes to the caller.
    Forward,
    /// Keep it: it is the chunk with the usage, and the caller did not ask for it.
    Drop,
}

/// Reads a copy of a stream's events.
pub struct StreamMeter {
    route: Route,
    usage_asked: bool,
    reasons: bool,
    usage: Option<Usage>,
    ended: bool,
    failed: bool,
    text_bytes: u64,
    text_frames: u64,
    /// The text of the deltas in the last event.
    said: Vec<u8>,
}

/// The members of a frame that matter.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

/// What a Responses event says by its type.
enum Kind {
    Delta,
    Done,
    Terminal,
    Error,
    Other,
}

impl StreamMeter {
    /// A meter for a stream at `route`. `usage_asked`: the caller wants the usage chunk of a chat
    /// stream. `reasons`: the request speaks of reasoning.
    pub fn new(route: Route, usage_asked: bool, reasons: bool) -> Self {
        Self {
            route,
            usage_asked,
            reasons,
            usage: None,
            ended: false,
            failed: false,
            text_bytes: 0,
            text_frames: 0,
            said: Vec::new(),
        }
    }

    /// Reads an event and says whether the caller gets it.
    pub fn event(&mut self, event: &RawEvent) -> Pass {
        self.said.clear();
        let data = event.data();
        let data = data.trim_ascii();
        if data.is_empty() {
            return Pass::Forward;
        }
        match self.route {
            Route::Responses => self.responses(event.event_name(), data),
            Route::ChatCompletions | Route::Embeddings => self.chat(event.event_name(), data),
        }
    }

    /// The last usage that was seen. Upstreams that report on every chunk report running totals, so
    /// nothing is ever added up.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether the stream said that it is complete: `[DONE]`, or a terminal Responses event. A
    /// connection that closes before this was cut.
    pub fn ended_cleanly(&self) -> bool {
        self.ended
    }

    /// Whether the stream said that it failed. A `response.failed` is both this and an end.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// An upper bound of the output tokens that were streamed so far: the bytes of the strings in
    /// all deltas, since a visible token stands for at least one byte and escapes only lengthen
    /// text. A chat frame in an unknown form counts with all its bytes. A Responses event that
    /// repeats a finished part counts instead of the deltas where it is longer, for upstreams that
    /// send none. Reasoning that is not streamed is not in it: see [`Self::reasoning_hidden`].
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// How many frames held text. An upstream that sends a token or more in each has generated at
    /// least this many, which tells one that ignores its output limit.
    pub fn text_frames(&self) -> u64 {
        self.text_frames
    }

    /// The text of the deltas in the last event, escapes as they came: what is cut into events by
    /// the provider can be put together again.
    pub fn said(&self) -> &[u8] {
        &self.said
    }

    /// Whether the model may have produced tokens that were not streamed: the request spoke of
    /// reasoning, or the usage did.
    pub fn reasoning_hidden(&self) -> bool {
        self.reasons || self.usage.is_some_and(|usage| usage.reasoning_tokens > 0)
    }

    fn chat(&mut self, name: Option<&[u8]>, data: &[u8]) -> Pass {
        if data == b"[DONE]" {
            self.ended = true;
            return Pass::Forward;
        }
        self.failed |= name == Some(b"error");
        let matters = has_value(&USAGE, data) || has_value(&ERROR, data);
        let frame = matters.then(|| serde_json::from_slice::<Frame<'_>>(data).ok()).flatten();
        let Some(frame) = frame else {
            self.count_chat(data);
            return Pass::Forward;
        };
        self.failed |= frame.error.is_some();
        let usage = frame.usage.and_then(|raw| usage_of(self.route, raw));
        self.usage = usage.or(self.usage);
        let is_extra = frame.usage.is_some() && frame.choices.is_some_and(is_empty_list);
        if !is_extra {
            self.count_chat(data);
        } else if !self.usage_asked && frame.error.is_none() {
            return Pass::Drop;
        }
        Pass::Forward
    }

    fn count_chat(&mut self, data: &[u8]) {
        let bytes = delta_bytes(data, &mut self.said);
        self.add_text(bytes.unwrap_or(data.len()));
    }

    fn responses(&mut self, name: Option<&[u8]>, data: &[u8]) -> Pass {
        match kind(name, data) {
            Kind::Delta => {
                let bytes = delta_bytes(data, &mut self.said);
                self.add_text(bytes.unwrap_or(0));
            }
            Kind::Done => self.text_bytes = self.text_bytes.max(wide(data.len())),
            Kind::Terminal => {
                self.ended = true;
                self.read_response(data);
            }
            Kind::Error => {
                self.failed = true;
                self.read_response(data);
            }
            Kind::Other => {}
        }
        Pass::Forward
    }

    /// Reads the usage and the error of a Responses event, at its top and in its `response`.
    fn read_response(&mut self, data: &[u8]) {
        let Ok(outer) = serde_json::from_slice::<Frame<'_>>(data) else { return };
        let inner =
            outer.response.and_then(|raw| serde_json::from_str::<Frame<'_>>(raw.get()).ok());
        for frame in [Some(outer), inner].into_iter().flatten() {
            self.failed |= frame.error.is_some();
            let usage = frame.usage.and_then(|raw| usage_of(self.route, raw));
            self.usage = usage.or(self.usage);
        }
    }

    fn add_text(&mut self, bytes: usize) {
        self.text_bytes = self.text_bytes.saturating_add(wide(bytes));
        self.text_frames += u64::from(bytes > 0);
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The kind of a Responses event. Its type mostly stands first in the data; where it does not, the
/// event's name says the same; only where neither helps is the data parsed.
fn kind(name: Option<&[u8]>, data: &[u8]) -> Kind {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    if let Some(kind) = leading_type(data).or(name) {
        return kind_named(kind);
    }
    match serde_json::from_slice::<Typed<'_>>(data) {
        Ok(Typed { kind: Some(kind) }) => kind_named(kind.as_bytes()),
        // An error in the form of the chat route.
        _ if has_value(&ERROR, data) => Kind::Error,
        _ => Kind::Other,
    }
}

fn kind_named(name: &[u8]) -> Kind {
    match name {
        b"response.completed" | b"response.incomplete" | b"response.failed" => Kind::Terminal,
        b"error" => Kind::Error,
        _ if name.ends_with(b".delta") => Kind::Delta,
        _ if name.ends_with(b".done") => Kind::Done,
        _ => Kind::Other,
    }
}

/// The value of `type`, if that is the object's first member.
fn leading_type(data: &[u8]) -> Option<&[u8]> {
    let rest = data.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(br#""type""#)?;
    let rest =
        rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    rest.get(..string_length(rest)?)
}

/// Whether a member of this name has a value other than `null`, at any depth.
fn has_value(name: &Finder<'static>, data: &[u8]) -> bool {
    values_of(name, data).any(|value| !value.starts_with(b"null"))
}

/// The places where the value of a member of this name starts. The name is searched with its
/// quotes, so text that quotes it does not match: its quotes are escaped.
fn values_of<'a>(name: &'a Finder<'static>, data: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    name.find_iter(data).filter_map(move |at| {
        let rest = data.get(at + name.needle().len()..)?.trim_ascii_start();
        Some(rest.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// The bytes of the text in all deltas; `None` where there is no delta. One inside another is part
/// of it: it counts once, and is looked at once, however deep an upstream nests them.
fn delta_bytes(data: &[u8], said: &mut Vec<u8>) -> Option<usize> {
    let mut total = None;
    let mut looked_at = 0;
    for delta in values_of(&DELTA, data) {
        let at = data.len() - delta.len();
        if at < looked_at {
            continue;
        }
        let (bytes, length) = string_bytes(delta, said);
        looked_at = at + length;
        *total.get_or_insert(0) += bytes;
    }
    total
}

/// The bytes of the text in a delta, and how long the delta is. It is a string or an object: in an
/// object, all strings but names and those that the model does not write. The text itself is added
/// to `said`.
fn string_bytes(value: &[u8], said: &mut Vec<u8>) -> (usize, usize) {
    let mut total = 0;
    let mut depth = 0_usize;
    let mut counts = true;
    let mut rest = value;
    if !matches!(value.first(), Some(b'"' | b'{')) {
        return (0, 0);
    }
    while let Some(at) = memchr3(b'"', b'{', b'}', rest) {
        let Some((mark, after)) = rest.get(at..).and_then(<[u8]>::split_first) else { break };
        rest = after;
        match mark {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {
                let length = string_length(rest).unwrap_or(rest.len());
                let (text, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                rest = after.get(1..).unwrap_or_default();
                let is_name = rest.trim_ascii_start().starts_with(b":");
                if is_name {
                    counts = !matches!(text, b"role" | b"type" | b"id");
                } else if counts {
                    total += length;
                    said.extend_from_slice(text);
                }
            }
        }
        if depth == 0 {
            break;
        }
    }
    (total, value.len() - rest.len())
}

/// How long a string is whose opening quote stands before `text`.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

fn is_empty_list(raw: &RawValue) -> bool {
    serde_json::from_str::<Vec<IgnoredAny>>(raw.get()).is_ok_and(|list| list.is_empty())
}
