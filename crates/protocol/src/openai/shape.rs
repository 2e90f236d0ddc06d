//! What a profile puts into a request: instructions before the caller's own, parameters where the
//! caller gave none, and numbers lowered to a ceiling.
//!
//! The bytes of the caller's stay as they came. What comes out is read like any other request, so
//! that every bound counts what was put in.

use tollgate_kernel::Error;

use super::Route;
use super::members::{ITEM_DEPTH, Known};
use super::request::{ModelRequest, Span, wrong_type};
use super::splice::{Edit, Edits, Put as Piece};
use crate::json::to_json;
use crate::json_scan::{Member, Value, Visitor, folded, scan_object};

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "shape_tests.rs"]
mod tests;

/// What is put into a request. The output limit is not here: see [`super::Splice::output_ceiling`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// What the model is told first; empty is nothing.
    pub instructions: &'a str,
    /// `temperature`.
    pub temperature: Bound,
    /// `top_p`.
    pub top_p: Bound,
    /// `reasoning_effort` of chat, `reasoning.effort` of responses, where the caller gave none.
    pub reasoning_effort: Option<&'a str>,
}

/// What is done to a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound {
    /// Set where the caller gave none.
    pub default: Option<f64>,
    /// A higher one is lowered to it. Where neither caller nor default gave one and it is below 1,
    /// which is what a provider takes then, it is set.
    pub ceiling: Option<f64>,
}

/// Which part of a [`Bound`] was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Its default.
    Default,
    /// Its ceiling.
    Ceiling,
}

/// What was put into a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shaped {
    /// Instructions.
    pub instructions: bool,
    /// `temperature`.
    pub temperature: Option<Put>,
    /// `top_p`.
    pub top_p: Option<Put>,
    /// The effort of reasoning.
    pub reasoning_effort: bool,
}

impl Bound {
    /// What a number becomes that was `given`; `None` where it stays.
    fn of(self, given: Option<f64>) -> Option<(f64, Put)> {
        let Self { default, ceiling } = self;
        let as_usual = 1.0;
        match (given, default, ceiling) {
            (Some(given), _, Some(most)) => (given > most).then_some((most, Put::Ceiling)),
            (Some(_), _, None) => None,
            (None, Some(default), Some(most)) if most < default => Some((most, Put::Ceiling)),
            (None, Some(default), _) => Some((default, Put::Default)),
            (None, None, Some(most)) => (most < as_usual).then_some((most, Put::Ceiling)),
            (None, None, None) => None,
        }
    }
}

impl ModelRequest {
    /// The request with `shape` put into it, and what of it was; `None` where nothing was, as in
    /// embeddings.
    ///
    /// Refuses, as `InvalidRequest` with the member as `param`, what it cannot put something into:
    /// messages that are no list, instructions that are no text, a number under a ceiling that is
    /// none, reasoning that is no object.
    pub fn shaped(&self, shape: &Shape<'_>) -> Result<Option<(Self, Shaped)>, Error> {
        let (mut edits, mut done) = (Edits::default(), Shaped::default());
        let (first, temperature, top_p, effort);
        if self.route() == Route::Embeddings {
            return Ok(None);
        }
        if !shape.instructions.is_empty() {
            first = self.first_words(shape.instructions)?;
            edits.add(first.edit());
            done.instructions = true;
        }
        if let Some((number, put)) = self.number(Known::Temperature, shape.temperature)? {
            temperature = number;
            self.put(&mut edits, Known::Temperature, Piece::Raw(&temperature));
            done.temperature = Some(put);
        }
        if let Some((number, put)) = self.number(Known::TopP, shape.top_p)? {
            top_p = number;
            self.put(&mut edits, Known::TopP, Piece::Raw(&top_p));
            done.top_p = Some(put);
        }
        if let Some(word) = shape.reasoning_effort
            && let Some(found) = self.effort(word)?
        {
            effort = found;
            edits.add(effort.edit());
            done.reasoning_effort = true;
        }
        if done == Shaped::default() {
            return Ok(None);
        }
        let body = edits.write(self.body(), &[]);
        Ok(Some((Self::parse(self.route(), body)?, done)))
    }

    /// Where instructions go, and how they are written there.
    fn first_words(&self, words: &str) -> Result<Change, Error> {
        match self.route() {
            Route::Responses => self.instructions(words),
            Route::ChatCompletions | Route::Embeddings => self.first_message(words),
        }
    }

    /// Before the text of the caller's first message where that tells the model what to do, since
    /// chat templates may know one such message; else a message before all others, by the role that
    /// the caller uses for it.
    fn first_message(&self, words: &str) -> Result<Change, Error> {
        let wrong = || wrong_type(Known::Messages, "a list of messages");
        let at = self.place(Known::Messages).ok_or_else(wrong)?;
        let inside = self.text(at).strip_prefix('[').ok_or_else(wrong)?;
        let mut heads = Heads::new(at);
        let whole = Span { start: 0, end: self.body().len() };
        scan_object(self.text(whole), &mut heads)?;
        let before = |head: &Head| self.text(Span { start: at.start + 1, end: head.at.start });
        let leads = heads.first.as_ref().filter(|head| before(head).trim().is_empty());
        if let Some(Span { start, end }) = leads.and_then(|head| head.content) {
            return Ok(before_text(Span { start, end }, self.text(Span { start, end }), words));
        }
        let is_alone = inside.trim_start().starts_with(']');
        let comma = if is_alone { "" } else { "," };
        let role = heads.role.unwrap_or("system");
        let written = format!(r#"{{"role":"{role}","content":{}}}{comma}"#, quoted(words));
        Ok(Change::behind(at.start + 1, written))
    }

    /// The caller's own, with ours and an empty line before them.
    fn instructions(&self, words: &str) -> Result<Change, Error> {
        let known = Known::Instructions;
        let Some(at) = self.place(known) else {
            return Ok(self.added(known, quoted(words)));
        };
        let own = self.text(at);
        if own == "null" {
            return Ok(Change::instead(at, quoted(words)));
        }
        if !own.starts_with('"') {
            return Err(wrong_type(known, "a string"));
        }
        Ok(before_text(at, own, words))
    }

    /// The number of `known` as it is to be written, if it changes.
    fn number(&self, known: Known, bound: Bound) -> Result<Option<(String, Put)>, Error> {
        let own = self.place(known).map(|at| self.text(at)).filter(|text| *text != "null");
        let given = match own {
            None => None,
            // Without a ceiling it does not matter what it is.
            Some(_) if bound.ceiling.is_none() => return Ok(None),
            Some(text) => Some(text.parse::<f64>().map_err(|_| wrong_type(known, "a number"))?),
        };
        Ok(bound.of(given).map(|(number, put)| (json(&number), put)))
    }

    /// Where the effort of reasoning goes, if the caller said none.
    fn effort(&self, word: &str) -> Result<Option<Change>, Error> {
        let word = quoted(word);
        let known = match self.route() {
            Route::Responses => Known::Reasoning,
            Route::ChatCompletions | Route::Embeddings => Known::ReasoningEffort,
        };
        let whole = match known {
            Known::Reasoning => format!(r#"{{"effort":{word}}}"#),
            _ => word.clone(),
        };
        let Some(at) = self.place(known) else { return Ok(Some(self.added(known, whole))) };
        let own = self.text(at);
        if own == "null" {
            return Ok(Some(Change::instead(at, whole)));
        }
        if known == Known::ReasoningEffort {
            return Ok(None);
        }
        if !own.starts_with('{') {
            return Err(wrong_type(known, "an object"));
        }
        let mut inside = Inside::default();
        let close = at.start + scan_object(own, &mut inside)?;
        Ok(match inside.effort {
            Some(Value { text: "null", at: place }) => {
                let start = at.start + place;
                Some(Change::instead(Span { start, end: start + "null".len() }, word))
            }
            Some(_) => None,
            None => {
                let comma = if inside.has_members { "," } else { "" };
                Some(Change::behind(close, format!(r#"{comma}"effort":{word}"#)))
            }
        })
    }

    fn text(&self, at: Span) -> &str {
        // It was found in text.
        let bytes = self.body().get(at.start..at.end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn added(&self, known: Known, written: String) -> Change {
        let close = self.places.close;
        Change { at: Span { start: close, end: close }, name: Some(known.name()), written }
    }
}

/// A change that owns what it writes.
struct Change {
    at: Span,
    name: Option<&'static str>,
    written: String,
}

impl Change {
    fn instead(at: Span, written: String) -> Self {
        Self { at, name: None, written }
    }

    fn behind(start: usize, written: String) -> Self {
        Self::instead(Span { start, end: start }, written)
    }

    fn edit(&self) -> Edit<'_> {
        Edit { at: self.at, name: self.name, put: Piece::Raw(&self.written) }
    }
}

/// Puts `words` and an empty line before the JSON string `own`, which stands at `at`.
fn before_text(at: Span, own: &str, words: &str) -> Change {
    let written = quoted(words);
    if own == r#""""# {
        return Change::instead(at, written);
    }
    let inside = written.strip_suffix('"').unwrap_or_default();
    let inside = inside.strip_prefix('"').unwrap_or_default();
    Change::behind(at.start + 1, format!(r"{inside}\n\n"))
}

/// What the messages in the list at `within` are, as far as instructions go by it.
struct Heads {
    within: Span,
    first: Option<Head>,
    /// The role of the first message that tells the model what to do.
    role: Option<&'static str>,
    now: Parts,
}

/// The first message.
struct Head {
    at: Span,
    /// Its text, where it tells the model what to do and has nothing else to say.
    content: Option<Span>,
}

/// The members of a message.
#[derive(Default)]
struct Parts {
    role: Option<&'static str>,
    content: Option<Span>,
    /// A member stands there twice, or by another spelling: a provider may read the other.
    is_doubtful: bool,
    roles: u8,
    contents: u8,
}

impl Heads {
    fn new(within: Span) -> Self {
        Self { within, first: None, role: None, now: Parts::default() }
    }

    fn holds(&self, value: Value<'_>) -> bool {
        (self.within.start..self.within.end).contains(&value.at)
    }
}

impl<'a> Visitor<'a> for Heads {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth == ITEM_DEPTH && self.holds(member.value) {
            self.now.note(member);
        }
        Ok(())
    }

    fn object_end(&mut self, depth: usize, object: Value<'a>) {
        if depth != ITEM_DEPTH || !self.holds(object) {
            return;
        }
        let Parts { role, content, is_doubtful, roles, contents } = std::mem::take(&mut self.now);
        let is_plain = !is_doubtful && roles == 1 && contents == 1;
        if self.first.is_none() {
            let at = Span { start: object.at, end: object.at + object.text.len() };
            let content = content.filter(|_| role.is_some() && is_plain);
            self.first = Some(Head { at, content });
        }
        self.role = self.role.or(role);
    }
}

impl Parts {
    fn note(&mut self, member: &Member<'_>) {
        let Some(name) = member.name() else { return };
        let folded = folded(&name);
        let is_exact = *name == *folded;
        let value = member.value;
        match folded.as_ref() {
            "role" => {
                self.roles = self.roles.saturating_add(1);
                self.role = match value.as_text().as_deref() {
                    Some("system") => Some("system"),
                    Some("developer") => Some("developer"),
                    _ => None,
                };
            }
            "content" => {
                self.contents = self.contents.saturating_add(1);
                let span = Span { start: value.at, end: value.at + value.text.len() };
                self.content = value.text.starts_with('"').then_some(span);
            }
            _ => return,
        }
        self.is_doubtful |= !is_exact;
    }
}

/// The members of `reasoning`.
#[derive(Default)]
struct Inside<'a> {
    has_members: bool,
    effort: Option<Value<'a>>,
}

impl<'a> Visitor<'a> for Inside<'a> {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth == 1 {
            self.has_members = true;
            if member.name().is_some_and(|name| folded(&name) == "effort") {
                self.effort = Some(member.value);
            }
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    json(text)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_json(value)).unwrap_or_default()
}
