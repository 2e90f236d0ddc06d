//! Putting the members that we set into a body whose other bytes stay as they came.

use bytes::Bytes;

use super::Route;
use super::members::Known;
use super::request::{Include, LIMITS, ModelRequest, Span};
use crate::json::append_text;
use crate::json_scan::Value;

/// What we set in a request before it is forwarded.
#[derive(Clone, Copy)]
pub struct Splice<'a> {
    /// The upstream's name of the model; `None` leaves the caller's.
    pub model: Option<&'a str>,
    /// Who the caller is, for the provider: overwrites `safety_identifier` and `user`. Embeddings
    /// know `user` alone; there `safety_identifier` is overwritten where the caller sent it.
    pub safety_identifier: &'a str,
    /// The cache bucket; set only where the caller chose one.
    pub prompt_cache_key: Option<&'a str>,
    /// Set where the caller gave no limit, lowered where the caller gave a higher one. Embeddings
    /// have none.
    pub output_ceiling: Option<Ceiling>,
    /// Asks for the usage of a chat stream; other requests are left alone.
    pub include_usage: bool,
    /// Responses: sets `store` to false. Chat: does so where the caller sent it, since nothing is
    /// stored there unless it is asked for. What follows from it for reasoning is done too: it is
    /// asked for in a form that can be sent again, and items of it that only refer to what was
    /// not stored are left out.
    pub store_false: bool,
}

/// The most output tokens of each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// How many.
    pub tokens: u64,
    /// A chat that gives no limit is told it as `max_tokens`, not as `max_completion_tokens`.
    pub by_max_tokens: bool,
}

/// What is written in a place.
#[derive(Clone, Copy)]
pub(super) enum Put<'a> {
    Text(&'a str),
    Number(u64),
    /// JSON as it is.
    Raw(&'a str),
}

/// One change: `at` gives way to `put`. Where `name` is given, `at` is empty and a member is added.
#[derive(Clone, Copy)]
pub(super) struct Edit<'a> {
    pub(super) at: Span,
    pub(super) name: Option<&'static str>,
    pub(super) put: Put<'a>,
}

/// The changes of one splice. There are never more than the members that can be set.
#[derive(Default)]
pub(super) struct Edits<'a> {
    list: [Option<Edit<'a>>; 10],
    count: usize,
}

impl ModelRequest {
    /// The body with the members of `set` in place. Members that were there keep their place,
    /// others are added at the end; every other byte and the order of members stay as they came.
    pub fn splice(&self, set: &Splice<'_>) -> Bytes {
        let mut edits = Edits::default();
        if let Some(model) = set.model {
            self.put(&mut edits, Known::Model, Put::Text(model));
        }
        self.put_identity(&mut edits, set.safety_identifier);
        if let Some(key) = set.prompt_cache_key.filter(|_| self.prompt_cache_key().is_some()) {
            self.put(&mut edits, Known::PromptCacheKey, Put::Text(key));
        }
        self.put_ceiling(&mut edits, set.output_ceiling);
        if set.include_usage && self.stream() && self.route() == Route::ChatCompletions {
            self.put_include_usage(&mut edits);
        }
        if set.store_false {
            self.put_store_false(&mut edits);
        }
        edits.write(self.body(), if set.store_false { &self.places.cuts } else { &[] })
    }

    /// Replaces the value of `known`, or adds the member.
    pub(super) fn put<'a>(&self, edits: &mut Edits<'a>, known: Known, put: Put<'a>) {
        match self.place(known) {
            Some(at) => edits.add(Edit { at, name: None, put }),
            None => edits.add(Edit {
                at: Span { start: self.places.close, end: self.places.close },
                name: Some(known.name()),
                put,
            }),
        }
    }

    fn put_identity<'a>(&self, edits: &mut Edits<'a>, identifier: &'a str) {
        self.put(edits, Known::User, Put::Text(identifier));
        let is_sent = self.place(Known::SafetyIdentifier).is_some();
        if is_sent || self.route() != Route::Embeddings {
            self.put(edits, Known::SafetyIdentifier, Put::Text(identifier));
        }
    }

    /// Lowers every limit above the smallest one, also those of another route: an upstream may heed
    /// another than we do.
    ///
    /// Where there is none, one is added and not several: OpenAI, and some who follow it, refuse a
    /// chat with both members, and its models that reason refuse `max_tokens`; other servers read
    /// that one alone.
    fn put_ceiling(&self, edits: &mut Edits<'_>, ceiling: Option<Ceiling>) {
        let own = self.output_ceiling();
        let most = ceiling.map(|ceiling| ceiling.tokens);
        let Some(limit) = [most, own].into_iter().flatten().min() else { return };
        let added = match self.route() {
            Route::ChatCompletions if ceiling.is_some_and(|ceiling| ceiling.by_max_tokens) => {
                Known::MaxTokens
            }
            Route::ChatCompletions => Known::MaxCompletionTokens,
            Route::Responses => Known::MaxOutputTokens,
            Route::Embeddings => return,
        };
        if own.is_none() {
            self.put(edits, added, Put::Number(limit));
        }
        for (known, given) in LIMITS.into_iter().zip(self.places.limits) {
            if given.is_some_and(|given| given > limit) && (own.is_some() || known != added) {
                self.put(edits, known, Put::Number(limit));
            }
        }
    }

    fn put_include_usage(&self, edits: &mut Edits<'_>) {
        let Some(options) = &self.places.options else {
            return self.put(edits, Known::StreamOptions, Put::Raw(r#"{"include_usage":true}"#));
        };
        let member = if options.is_empty {
            Put::Raw(r#""include_usage":true"#)
        } else {
            Put::Raw(r#","include_usage":true"#)
        };
        let at_end = Span { start: options.close, end: options.close };
        edits.add(match options.include_usage {
            Some(at) => Edit { at, name: None, put: Put::Raw("true") },
            None => Edit { at: at_end, name: None, put: member },
        });
    }

    fn put_store_false(&self, edits: &mut Edits<'_>) {
        let applies = match self.route() {
            Route::Responses => true,
            Route::ChatCompletions => self.place(Known::Store).is_some(),
            Route::Embeddings => false,
        };
        if applies {
            self.put(edits, Known::Store, Put::Raw("false"));
        }
        match self.places.include {
            Include::AsIs => {}
            Include::Whole => {
                self.put(edits, Known::Include, Put::Raw(r#"["reasoning.encrypted_content"]"#));
            }
            Include::Longer { close, is_empty } => {
                let put = if is_empty {
                    Put::Raw(r#""reasoning.encrypted_content""#)
                } else {
                    Put::Raw(r#","reasoning.encrypted_content""#)
                };
                edits.add(Edit { at: Span { start: close, end: close }, name: None, put });
            }
        }
    }

    pub(super) fn place(&self, known: Known) -> Option<Span> {
        self.places.known.get(known as usize).copied().flatten()
    }
}

impl<'a> Edits<'a> {
    pub(super) fn add(&mut self, edit: Edit<'a>) {
        if let Some(free) = self.list.get_mut(self.count) {
            *free = Some(edit);
            self.count += 1;
        }
    }

    /// Writes `body` with the changes made and without `cuts`, into one allocation. No change lies
    /// in a cut.
    pub(super) fn write(mut self, body: &Bytes, cuts: &[Span]) -> Bytes {
        // Stable, so that members are added in the order in which they were put.
        self.list.sort_by_key(|edit| edit.map_or(usize::MAX, |edit| edit.at.start));
        let edits = || self.list.iter().flatten();
        // Exact, but for escapes: bytes that fill their room are shared without another piece of
        // memory to count who shares them.
        let more: usize = edits().map(Edit::room).sum();
        let replaced = edits().map(|edit| &edit.at).chain(cuts).map(|gone| gone.end - gone.start);
        let mut out = Vec::with_capacity((body.len() + more).saturating_sub(replaced.sum()));
        let mut done = 0;
        for edit in edits() {
            copy(&mut out, body, Span { start: done, end: edit.at.start }, cuts);
            done = edit.at.end;
            edit.write(&mut out);
        }
        copy(&mut out, body, Span { start: done, end: body.len() }, cuts);
        Bytes::from(out)
    }
}

impl Edit<'_> {
    /// How many bytes it adds, more or less.
    fn room(&self) -> usize {
        let name = self.name.map_or(0, |name| name.len() + 4);
        name + match self.put {
            // Of escapes the text makes room itself.
            Put::Text(text) => 2 + text.len(),
            Put::Number(number) => itoa::Buffer::new().format(number).len(),
            Put::Raw(raw) => raw.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(name) = self.name {
            // The object is never empty: it has a model.
            out.push(b',');
            append_text(out, name);
            out.push(b':');
        }
        match self.put {
            Put::Text(text) => append_text(out, text),
            Put::Number(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Put::Raw(raw) => out.extend_from_slice(raw.as_bytes()),
        }
    }
}

/// Copies a stretch of `body` without the `cuts` that lie in it.
fn copy(out: &mut Vec<u8>, body: &[u8], stretch: Span, cuts: &[Span]) {
    let mut from = stretch.start;
    for cut in cuts.iter().filter(|cut| stretch.start <= cut.start && cut.end <= stretch.end) {
        out.extend_from_slice(body.get(from..cut.start).unwrap_or_default());
        from = cut.end;
    }
    out.extend_from_slice(body.get(from..stretch.end).unwrap_or_default());
}

/// The stretches of `text` to leave out so that these elements of a list are gone, each with the
/// comma before it, and those that the list begins with, with the comma behind them.
pub(super) fn cuts(text: &str, elements: &[Value<'_>]) -> Vec<Span> {
    let mut cuts: Vec<Span> = Vec::with_capacity(elements.len());
    for element in elements {
        let end = element.at + element.text.len();
        let before = text.get(..element.at).unwrap_or_default().trim_end_matches(SPACE);
        let behind = text.get(end..).unwrap_or_default().trim_start_matches(SPACE);
        let next = behind.strip_prefix(',').map(|rest| rest.trim_start_matches(SPACE).len());
        let next = next.map_or(end, |left| text.len() - left);
        match cuts.last_mut() {
            // All before it are gone too.
            Some(first) if first.end == element.at => first.end = next,
            _ if before.ends_with(',') => cuts.push(Span { start: before.len() - 1, end }),
            _ => cuts.push(Span { start: element.at, end: next }),
        }
    }
    cuts
}

/// The white space of JSON (RFC 8259, section 2).
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
