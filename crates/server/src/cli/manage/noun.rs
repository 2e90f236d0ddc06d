//! What all nouns have in common: lists as tables, one object as names and values, removal.

use http::Method;
use serde_json::Value;

use super::api::{Listed, Manager, Query, object, path_of};
use super::figures::{self, NONE};
use super::screen::Sheet;
use crate::ask::Answer;
use crate::cli::args::ListArgs;
use crate::exit::Exit;

/// A kind of object of the management API, and how it is shown.
pub(super) struct Noun {
    /// Its collection under `/api/v1/`.
    pub(super) path: &'static str,
    /// The member that identifies one.
    pub(super) id: &'static str,
    /// What several of them are called.
    pub(super) many: &'static str,
    /// The columns of a list.
    pub(super) columns: &'static [Column],
    /// What else is told of one.
    pub(super) more: &'static [Column],
}

/// A member as people see it.
pub(super) struct Column {
    title: &'static str,
    member: &'static str,
    form: Form,
}

/// How a member is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Text,
    /// A number, to the right.
    Count,
    /// How many items a list has, to the right.
    Length,
    /// A moment.
    Moment,
    /// Whether it is so.
    Flag,
    /// Texts.
    Texts,
    /// Tools: without a list all of them.
    Tools,
    /// Budgets.
    Budgets,
    /// Rates.
    Rates,
    /// Money, to the right; the member is a JSON pointer.
    Money,
}

/// A column called `title` that shows `member`.
pub(super) const fn column(title: &'static str, member: &'static str, form: Form) -> Column {
    Column { title, member, form }
}

impl Column {
    /// Whether it is aligned to the right.
    fn is_number(&self) -> bool {
        matches!(self.form, Form::Count | Form::Length | Form::Money)
    }

    /// The member of `object` in this column's form.
    fn cell(&self, object: &Value) -> String {
        let member = match self.form {
            Form::Money => object.pointer(self.member),
            _ => object.get(self.member),
        };
        let Some(value) = member.filter(|value| !value.is_null()) else {
            let missing = if self.form == Form::Money { "no price" } else { NONE };
            return missing.to_owned();
        };
        let number = value.as_i64();
        match self.form {
            Form::Text => text_of(value),
            Form::Count => number.map_or_else(|| NONE.to_owned(), figures::number),
            Form::Length => value.as_array().map_or(0, Vec::len).to_string(),
            Form::Moment => figures::moment(&text_of(value)),
            Form::Flag => (if value == true { "yes" } else { "no" }).to_owned(),
            Form::Tools if value.is_null() => "all".to_owned(),
            Form::Texts | Form::Tools => figures::texts(value),
            Form::Budgets => figures::budgets(value),
            Form::Rates => figures::rates(value),
            Form::Money => number.map_or_else(|| NONE.to_owned(), figures::money),
        }
    }
}

/// The member called `name` as text; empty where there is none.
pub(super) fn member(object: &Value, name: &str) -> String {
    object.get(name).map(text_of).unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => NONE.to_owned(),
        Value::Object(members) if members.is_empty() => NONE.to_owned(),
        other => other.to_string(),
    }
}

impl Manager {
    /// Lists objects.
    pub(super) async fn list(
        &mut self,
        noun: &Noun,
        query: &Query,
        args: &ListArgs,
    ) -> Result<(), Exit> {
        let all = self.follow(&format!("/api/v1/{}", noun.path), query, args).await?;
        self.tell_all(noun, &all)
    }

    fn tell_all(&mut self, noun: &Noun, all: &Listed) -> Result<(), Exit> {
        if self.screen.json {
            return self.screen.raw(&all.json());
        }
        if self.screen.quiet {
            return all.items.iter().try_for_each(|item| self.screen.line(&member(item, noun.id)));
        }
        if all.items.is_empty() {
            self.screen.say(&format!("There are no {}.", noun.many));
            return Ok(());
        }
        let titles: Vec<_> = noun.columns.iter().map(|c| (c.title, c.is_number())).collect();
        let mut sheet = Sheet::new(&titles);
        for item in &all.items {
            sheet.row(noun.columns.iter().map(|column| column.cell(item)).collect());
        }
        self.screen.sheet(sheet)?;
        if let Some(next) = all.next() {
            self.screen.say(&format!("There are more: --cursor {next}"));
        }
        Ok(())
    }

    /// Shows one object.
    pub(super) async fn show(&mut self, noun: &Noun, id: &str) -> Result<(), Exit> {
        let answer = self.ask(Method::GET, &path_of(noun.path, id, "")?, None).await?;
        self.tell(noun, &answer)
    }

    /// Makes an object, and shows it.
    pub(super) async fn create(&mut self, noun: &Noun, body: &Value) -> Result<(), Exit> {
        let path = format!("/api/v1/{}", noun.path);
        let answer = self.ask(Method::POST, &path, Some(body)).await?;
        self.tell(noun, &answer)
    }

    /// Changes an object, and shows it.
    pub(super) async fn change(&mut self, noun: &Noun, id: &str, body: &Value) -> Result<(), Exit> {
        let answer = self.ask(Method::PATCH, &path_of(noun.path, id, "")?, Some(body)).await?;
        self.tell(noun, &answer)
    }

    /// Shows the object in an answer.
    pub(super) fn tell(&mut self, noun: &Noun, answer: &Answer) -> Result<(), Exit> {
        if self.screen.json {
            return self.screen.raw(&answer.body);
        }
        let object = object(answer)?;
        if self.screen.quiet {
            return self.screen.line(&member(&object, noun.id));
        }
        let all = noun.columns.iter().chain(noun.more);
        let pairs = all.map(|column| (column.title.to_owned(), column.cell(&object)));
        self.screen.sheet(Sheet::pairs(pairs.collect()))
    }

    /// Removes an object, once `warning` was confirmed; then says `done`.
    pub(super) async fn remove(
        &mut self,
        noun: &Noun,
        id: &str,
        warning: &str,
        done: &str,
    ) -> Result<(), Exit> {
        let path = path_of(noun.path, id, "")?;
        self.screen.confirm(warning)?;
        self.ask(Method::DELETE, &path, None).await?;
        self.screen.say(done);
        Ok(())
    }
}
