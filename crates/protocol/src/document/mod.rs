//! Documents that others write, in JSON or YAML, as one kind of value.
//!
//! Which of the two it is, is seen from the text: what it is called and how it is served says
//! little.
//! What a document unfolds to is bounded: its bytes, how deep it is nested, and what the aliases of
//! YAML make of it.

mod yaml;

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Number;
use tollgate_kernel::Error;

use crate::json::to_json;

/// The largest document, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How deep objects and lists may be nested.
pub const MAX_DEPTH: usize = 100;

/// The most that a document may unfold to, aliases followed: the bytes of its texts, and
/// [`NODE_BYTES`] for each value.
const MAX_UNFOLDED: usize = 16 * 1024 * 1024;

/// What a value costs beside its text, in bytes.
const NODE_BYTES: usize = 16;

/// A value. Members keep their order; none has two of one name.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document. JSON begins with a brace and reads as JSON; everything else is YAML.
    ///
    /// Errors say what is wrong, and where as far as that is known.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            let what = format!("The document is larger than {MAX_BYTES} bytes.");
            return Err(Error::invalid(what));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::invalid("The document is no text in UTF-8."))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_start().starts_with(['{', '[']) {
            return yaml::parse(text);
        }
        let of_json = parse_json(text);
        // A flow mapping of YAML begins with a brace too.
        of_json.or_else(|error| yaml::parse(text).map_err(|_| error))
    }

    /// The member called `name`; `None` where it is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members, where it is an object.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items, where it is a list.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// It as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Sets the member called `name`, at its place or at the end; nothing where it is no object.
    pub(crate) fn set(&mut self, name: &str, value: Self) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(member, _)| member == name) {
            Some((_, found)) => *found = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    /// Takes the member called `name` out.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(member, _)| member != name);
        }
    }

    /// An object with these members.
    pub(crate) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(members) => {
                let mut object = serializer.serialize_map(Some(members.len()))?;
                let mut each = members.iter();
                each.try_for_each(|(name, value)| object.serialize_entry(name, value))?;
                object.end()
            }
        }
    }
}

fn parse_json(text: &str) -> Result<Node, Error> {
    let broken = |error: serde_json::Error| Error::invalid(format!("The document: {error}."));
    let mut reader = serde_json::Deserializer::from_str(text);
    let node = Deep(0).deserialize(&mut reader).map_err(broken)?;
    reader.end().map_err(broken)?;
    Ok(node)
}

/// Reads a value with so many around it.
#[derive(Clone, Copy)]
struct Deep(usize);

impl Deep {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        if self.0 >= MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> DeserializeSeed<'de> for Deep {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Deep {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut members = Members::default();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(inner)?;
            members.push(name, value).map_err(de::Error::custom)?;
        }
        Ok(members.into_node())
    }
}

/// Members of an object as they come.
#[derive(Default)]
struct Members {
    members: Vec<(String, Node)>,
    names: std::collections::HashSet<String>,
}

impl Members {
    /// Adds one. Two of one name could be read differently by two parsers.
    fn push(&mut self, name: String, value: Node) -> Result<(), String> {
        if !self.names.insert(name.clone()) {
            let shown: String = name.chars().take(100).collect();
            return Err(format!("two members are called {shown:?}"));
        }
        self.members.push((name, value));
        Ok(())
    }

    fn into_node(self) -> Node {
        Node::Object(self.members)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
