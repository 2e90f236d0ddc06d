//! What a profile puts into a request: instructions before the caller's own, parameters where the
//! caller gave none, and numbers lowered to a ceiling.
//!
//! The bytes of the caller's stay as they came. What comes out is read like any other request, so
//! that every bound counts what was put in.

use tollgate_kernel::Error;

use super::Route;
use super::members::Known;
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

    /// A message before all others.
    fn first_message(&self, words: &str) -> Result<Change, Error> {
        let wrong = || wrong_type(Known::Messages, "a list of messages");
        let at = self.place(Known::Messages).ok_or_else(wrong)?;
        let inside = self.text(at).strip_prefix('[').ok_or_else(wrong)?;
        let is_alone = inside.trim_start().starts_with(']');
        let comma = if is_alone { "" } else { "," };
        let written = format!(r#"{{"role":"system","content":{}}}{comma}"#, quoted(words));
        Ok(Change::behind(at.start + 1, written))
    }

    /// The caller's own, with ours and an empty line before them.
    fn instructions(&self, words: &str) -> Result<Change, Error> {
        let known = Known::Instructions;
        let Some(at) = self.place(known) else {
            return Ok(self.added(known, quoted(words)));
        };
        let own = self.text(at);
        if own == "null" || own == "\"\"" {
            return Ok(Change::instead(at, quoted(words)));
        }
        if !own.starts_with('"') {
            return Err(wrong_type(known, "a string"));
        }
        let written = quoted(&format!("{words}\n\n"));
        let inside = written.trim_matches('"').to_owned();
        Ok(Change::behind(at.start + 1, inside))
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
