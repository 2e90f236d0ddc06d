//! JSON as people write it by hand: a trailing comma and a byte order mark are forgiven, a member
//! that comes twice is not.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Refusal, Warning, plain};

/// The object in `body`, and what had to be forgiven.
pub(super) fn object(body: &[u8]) -> Result<(Map<String, Value>, Option<Warning>), Refusal> {
    let refused =
        |why: String| Refusal::new("not_json", format!("The manifest is no JSON: {why}."));
    let text = std::str::from_utf8(body).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (value, warning) = match serde_json::from_str::<Strict>(text) {
        Ok(value) => (value, None),
        Err(error) => {
            let (mended, comma) = without_trailing_commas(text);
            let Some(at) = comma else { return Err(refused(plain(&error.to_string(), 200))) };
            let value = serde_json::from_str::<Strict>(&mended);
            let value = value.map_err(|error| refused(plain(&error.to_string(), 200)))?;
            (value, Some(trailing(text, at)))
        }
    };
    match value {
        Strict(Value::Object(object)) => Ok((object, warning)),
        Strict(_) => Err(refused("it is no object".to_owned())),
    }
}

fn trailing(text: &str, at: usize) -> Warning {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let what = format!("A comma too many stands at line {line}, column {column}.");
    Warning::new("json_trailing_comma", what)
}

/// The text with each comma that nothing follows replaced by a space, and where the first stood.
fn without_trailing_commas(text: &str) -> (Cow<'_, str>, Option<usize>) {
    let (mut in_string, mut escaped) = (false, false);
    let (mut comma, mut odd) = (None, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => (in_string, comma) = (true, None),
            b',' => comma = Some(at),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'}' | b']' => odd.extend(comma.take()),
            _ => comma = None,
        }
    }
    let Some(first) = odd.first().copied() else { return (Cow::Borrowed(text), None) };
    let mut mended = text.as_bytes().to_vec();
    for at in odd {
        if let Some(byte) = mended.get_mut(at) {
            *byte = b' ';
        }
    }
    (String::from_utf8_lossy(&mended).into_owned().into(), Some(first))
}

/// Any value, in which no member comes twice: two readers could take different ones.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            let shown = plain(&name, 64);
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(format!("the member `{shown}` comes twice")));
            }
        }
        Ok(Value::Object(object))
    }
}
