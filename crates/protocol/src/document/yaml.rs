//! YAML 1.2 with its core schema, read from events, so that its bounds are ours.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Number;
use tollgate_kernel::Error;

use super::{MAX_DEPTH, MAX_UNFOLDED, Members, NODE_BYTES, Node};

/// The tags that are read; what they begin with.
const CORE: &str = "tag:yaml.org,2002:";

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| broken(&error.to_string()))?;
        let taken = builder.take(event);
        taken.map_err(|what| broken(&format!("{what} at line {}", span.start.line())))?;
    }
    builder.root.ok_or_else(|| broken("it is empty"))
}

fn broken(what: &str) -> Error {
    Error::invalid(format!("The document is neither JSON nor YAML that is read here: {what}."))
}

/// Puts a document together.
#[derive(Default)]
struct Builder {
    /// What is open, the innermost last.
    open: Vec<Open>,
    /// What has an anchor, what it unfolds to, and how many levels it has.
    anchors: HashMap<usize, (Node, usize, usize)>,
    unfolded: usize,
    root: Option<Node>,
}

/// A list or an object that has not ended.
struct Open {
    anchor: usize,
    /// What was unfolded before it.
    before: usize,
    /// How many levels are in it so far.
    levels: usize,
    part: Part,
}

enum Part {
    List(Vec<Node>),
    Object { members: Members, name: Option<String> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.weigh(NODE_BYTES + text.len())?;
                let node = scalar(&text, style, tag.as_deref())?;
                self.keep(anchor, &node, NODE_BYTES + text.len(), 0);
                self.place(node, Some(&text))
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq")?;
                self.begin(anchor, Part::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map")?;
                self.begin(anchor, Part::Object { members: Members::default(), name: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor);
                let known = known.map(|(_, weight, levels)| (*weight, *levels));
                // What holds itself has not ended, and is not known.
                let (weight, levels) = known.ok_or("an alias that stands for what it stands in")?;
                self.weigh(weight)?;
                // Levels add up from alias to alias, and whoever walks a document goes down them.
                self.deepen(levels)?;
                let node = self.anchors.get(&anchor).map(|(node, ..)| node.clone());
                self.place(node.unwrap_or(Node::Null), None)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document begins".to_owned())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, part: Part) -> Result<(), String> {
        self.deepen(1)?;
        // A name of a member is a text.
        if let Some(Open { part: Part::Object { name: None, .. }, .. }) = self.open.last() {
            return Err("the name of a member is a list or an object".to_owned());
        }
        self.open.push(Open { anchor, before: self.unfolded, levels: 0, part });
        self.weigh(NODE_BYTES)
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(Open { anchor, before, levels, part }) = self.open.pop() else {
            return Err("something ends that did not begin".to_owned());
        };
        if let Some(around) = self.open.last_mut() {
            around.levels = around.levels.max(levels + 1);
        }
        let node = match part {
            Part::List(items) => Node::List(items),
            Part::Object { members, .. } => members.into_node(),
        };
        self.keep(anchor, &node, self.unfolded - before, levels + 1);
        self.place(node, None)
    }

    /// Puts a value where it belongs. `text` is how it was written, where it is a scalar.
    fn place(&mut self, node: Node, text: Option<&str>) -> Result<(), String> {
        match self.open.last_mut().map(|open| &mut open.part) {
            None => self.root = Some(node),
            Some(Part::List(items)) => items.push(node),
            Some(Part::Object { members, name }) => match name.take() {
                Some(name) => members.push(name, node)?,
                None => *name = Some(name_of(node, text)?),
            },
        }
        Ok(())
    }

    fn keep(&mut self, anchor: usize, node: &Node, weight: usize, levels: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight, levels));
        }
    }

    /// So many levels come below what is open.
    fn deepen(&mut self, levels: usize) -> Result<(), String> {
        if self.open.len() + levels > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        if let Some(around) = self.open.last_mut() {
            around.levels = around.levels.max(levels);
        }
        Ok(())
    }

    fn weigh(&mut self, weight: usize) -> Result<(), String> {
        self.unfolded = self.unfolded.saturating_add(weight);
        if self.unfolded > MAX_UNFOLDED {
            return Err(format!("it unfolds to more than {MAX_UNFOLDED} bytes"));
        }
        Ok(())
    }
}

/// The name of a member: as it is written, so that `200` is `"200"`.
fn name_of(node: Node, text: Option<&str>) -> Result<String, String> {
    match (node, text) {
        (Node::Text(name), _) => Ok(name),
        (_, Some(text)) => Ok(text.to_owned()),
        _ => Err("the name of a member is no text".to_owned()),
    }
}

/// What a scalar is: by its tag, else a text if it is quoted, else by how it looks.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, String> {
    match tag.map(short) {
        None if style == ScalarStyle::Plain => Ok(plain(text)),
        None | Some("str" | "!") => Ok(Node::text(text)),
        Some("null" | "bool" | "int" | "float") => Ok(plain(text)),
        Some(_) => Err("a tag that is not read here".to_owned()),
    }
}

fn check_tag(tag: Option<&Tag>, wanted: &str) -> Result<(), String> {
    match tag.map(short) {
        None => Ok(()),
        Some(tag) if tag == wanted || tag == "!" => Ok(()),
        Some(_) => Err("a tag that is not read here".to_owned()),
    }
}

/// A tag of the core schema without what all of them begin with; another one as an empty text.
fn short(tag: &Tag) -> &str {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!!" | CORE, suffix) => suffix,
        ("" | "!", "" | "!") => "!",
        ("", whole) => whole.strip_prefix(CORE).unwrap_or_default(),
        _ => "",
    }
}

/// The core schema (YAML 1.2.2, 10.3.2). What JSON has no number for stays a text.
fn plain(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Bool(true),
        "false" | "False" | "FALSE" => return Node::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Node::text(text), Node::Number)
}

fn number(text: &str) -> Option<Number> {
    let of_base = |digits: &str, base| {
        let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        is_plain.then(|| u64::from_str_radix(digits, base).ok().map(Number::from)).flatten()
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return of_base(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return of_base(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let begins = unsigned.strip_prefix('.').unwrap_or(unsigned);
    if !begins.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let of_signed = || digits.parse::<i64>().ok().map(Number::from);
        return digits.parse::<u64>().ok().map(Number::from).or_else(of_signed);
    }
    let looks = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    let looks_like_one = unsigned.bytes().all(looks);
    looks_like_one.then(|| digits.parse().ok().and_then(Number::from_f64)).flatten()
}
