//! The parts that pages are made of, one template each. A page's template shows one as
//! `{{ part }}`: parts escape what they hold and are themselves taken as they are.

use askama::Template;
use askama::filters::HtmlSafe;
use tollgate_kernel::PlainToken;

use super::Words;
use super::locale::shell_words;
use super::{Locale, Value};

/// A link: where it leads, and the words on it.
#[derive(Clone, Debug)]
pub struct Link {
    /// The path.
    pub href: String,
    /// The words.
    pub text: String,
}

/// The top of a page: title, one sentence of what this is, the one main action.
#[derive(Template)]
#[template(path = "parts/head.html")]
pub struct Head {
    /// The title.
    pub title: String,
    /// What this is.
    pub lead: String,
    /// The main action.
    pub action: Option<Link>,
}

/// A field of a form: label above, hint below, an error tied to it.
#[derive(Template, Default)]
#[template(path = "parts/field.html")]
pub struct Field {
    /// The element's id and name.
    pub id: &'static str,
    /// The label.
    pub label: String,
    /// The input's type, for example `text`, `email`, `password`.
    pub kind: &'static str,
    /// What was typed; never shown again for a password.
    pub value: String,
    /// A sentence below the field.
    pub hint: Option<String>,
    /// What is wrong with it, and what to do.
    pub error: Option<String>,
    /// The autocomplete token, for example `username webauthn`.
    pub autocomplete: &'static str,
    /// Whether it must be filled in.
    pub required: bool,
}

impl Field {
    /// A field of this type that must be filled in.
    pub fn new(id: &'static str, kind: &'static str, label: String) -> Self {
        Self { id, label, kind, autocomplete: "off", required: true, ..Self::default() }
    }

    /// With an autocomplete token.
    pub fn autocomplete(mut self, token: &'static str) -> Self {
        self.autocomplete = token;
        self
    }

    /// With what was typed before.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// With a sentence below it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what is wrong with it, if anything is.
    pub fn error(mut self, error: Option<String>) -> Self {
        self.error = error;
        self
    }

    /// It may be left empty.
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// What describes the input, by id.
    fn described_by(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.id));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.id));
        [error, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn shown_value(&self) -> &str {
        if self.kind == "password" { "" } else { &self.value }
    }
}

/// The errors of a form on top of it, each a link to its field.
#[derive(Template)]
#[template(path = "parts/summary.html")]
pub struct Summary {
    title: String,
    errors: Vec<Link>,
}

impl Summary {
    /// The errors of `fields`; nothing when there are none.
    pub fn of(locale: Locale, fields: &[&Field]) -> Option<Self> {
        let errors: Vec<Link> = fields
            .iter()
            .filter_map(|field| {
                let text = field.error.clone()?;
                Some(Link { href: format!("#{}", field.id), text })
            })
            .collect();
        let title = shell_words(locale).get("form-errors");
        (!errors.is_empty()).then_some(Self { title, errors })
    }
}

/// What stands in a table's cell or beside a term.
pub enum Cell {
    /// Text.
    Text(String),
    /// A number with its digits below each other; the unit is in the column's head.
    Number(String),
    /// A name, key or command.
    Code(String),
    /// A link.
    Link(Link),
    /// A time: exact (RFC 3339), and as people say it.
    Time {
        /// RFC 3339.
        exact: String,
        /// As people say it.
        said: String,
    },
    /// A part of the page's own, rendered and escaped by its template: a form with a button.
    Part(String),
}

/// A column of a table.
pub struct Column {
    /// The head; with the unit where there is one.
    pub label: String,
    /// Where a click on the head leads, if the table can be sorted by it.
    pub sort: Option<String>,
    /// Whether its cells are numbers.
    pub numeric: bool,
}

impl Column {
    /// A column of text.
    pub fn text(label: String) -> Self {
        Self { label, sort: None, numeric: false }
    }

    /// A column of numbers.
    pub fn number(label: String) -> Self {
        Self { label, sort: None, numeric: true }
    }
}

/// A table, which on narrow screens is a list of cards.
#[derive(Template)]
#[template(path = "parts/table.html")]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// The next page of rows.
    pub next: Option<Link>,
}

impl Table {
    /// The cells of a row with their columns.
    fn cells<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = (&'a Column, &'a Cell)> {
        self.columns.iter().zip(row)
    }
}

/// How urgent a banner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good to know.
    Info,
    /// It went well.
    Ok,
    /// Soon something will have to be done.
    Warn,
    /// Something is broken or will be destroyed.
    Danger,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Danger => "danger",
        }
    }

    const fn role(self) -> &'static str {
        if matches!(self, Self::Danger) { "alert" } else { "status" }
    }
}

/// One message on top of a page.
#[derive(Template)]
#[template(path = "parts/banner.html")]
pub struct Banner {
    /// How urgent it is.
    pub tone: Tone,
    /// The message.
    pub text: String,
    /// What to do about it.
    pub link: Option<Link>,
}

/// A secret that is shown this once. Only in the answer that made it; never after a redirect.
#[derive(Template)]
#[template(path = "parts/secret.html")]
pub struct SecretOnce {
    w: Words,
    label: String,
    secret: PlainToken,
    done: Link,
}

impl SecretOnce {
    /// Shows `secret`; `done` is where to go when it is saved.
    pub fn new(locale: Locale, label: String, secret: PlainToken, done: Link) -> Self {
        Self { w: shell_words(locale), label, secret, done }
    }
}

/// What stands where there is nothing yet.
#[derive(Template)]
#[template(path = "parts/empty.html")]
pub struct Empty {
    /// What would be here.
    pub text: String,
    /// The one action that fills it.
    pub action: Option<Link>,
    /// The same in the terminal.
    pub command: Option<Command>,
}

/// A line to copy, with this installation's own address in it.
#[derive(Template)]
#[template(path = "parts/command.html")]
pub struct Command {
    w: Words,
    label: Option<String>,
    line: String,
}

impl Command {
    /// A line, or several, to copy.
    pub fn new(locale: Locale, line: impl Into<String>) -> Self {
        Self { w: shell_words(locale), label: None, line: line.into() }
    }

    /// The line that does in a terminal what this page does.
    pub fn same(locale: Locale, line: impl Into<String>) -> Self {
        let label = Some(shell_words(locale).get("same-in-the-terminal"));
        Self { label, ..Self::new(locale, line) }
    }
}

/// Terms and what they are.
#[derive(Template)]
#[template(path = "parts/definitions.html")]
pub struct Definitions {
    /// Each term with its value.
    pub items: Vec<(String, Cell)>,
}

/// How full something is.
pub struct Bar {
    /// What it is, for example `Budget, this month`.
    pub label: String,
    /// What is used, and of how much, with units.
    pub used: String,
    /// What is left, with its unit.
    pub left: String,
    /// When it starts again, as people say it.
    pub resets: Option<String>,
    /// How much is used, in percent; more than 100 counts as 100.
    pub percent: u8,
}

/// Bars, one for each budget.
#[derive(Template)]
#[template(path = "parts/bars.html")]
pub struct Bars {
    w: Words,
    bars: Vec<Bar>,
}

impl Bars {
    /// The bars in this order.
    pub fn new(locale: Locale, bars: Vec<Bar>) -> Self {
        Self { w: shell_words(locale), bars }
    }

    fn left(&self, bar: &Bar) -> String {
        self.w.with("bar-left", &[("left", Value::from(bar.left.as_str()))])
    }
}

impl Bar {
    fn percent(&self) -> u8 {
        self.percent.min(100)
    }

    /// Amber from 80 percent, red when nothing is left; the words beside it say so too.
    fn class(&self) -> &'static str {
        match self.percent {
            0..=79 => "ok",
            80..=99 => "warn",
            _ => "danger",
        }
    }
}

impl HtmlSafe for Head {}
impl HtmlSafe for Field {}
impl HtmlSafe for Summary {}
impl HtmlSafe for Table {}
impl HtmlSafe for Banner {}
impl HtmlSafe for SecretOnce {}
impl HtmlSafe for Empty {}
impl HtmlSafe for Command {}
impl HtmlSafe for Definitions {}
impl HtmlSafe for Bars {}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "parts_tests.rs"]
mod tests;
