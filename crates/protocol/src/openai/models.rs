//! Lists of models: the upstreams' own, and ours.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_kernel::{Error, Kind};

use crate::json::to_json;

/// The most models of one upstream that are kept.
pub const MAX_MODELS: usize = 10_000;
/// The longest name of a model, in characters.
const MAX_ID_CHARS: usize = 256;

/// A model as `/models` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// Its name.
    pub id: String,
    /// When it was made, in seconds since the Unix epoch; 0 where nobody said.
    pub created_s: i64,
    /// Whose it is; empty where nobody said.
    pub owned_by: String,
}

/// Reads an upstream's list: an object with `data`, or the bare list that some send.
///
/// Entries that cannot be used are left out (no name, one that is too long or has control
/// characters, one that was there already), and so is what is beyond [`MAX_MODELS`]. Fails as
/// `UpstreamFailed` where there is no list at all.
pub fn parse_models(body: &[u8]) -> Result<Vec<ModelCard>, Error> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let list = serde_json::from_slice::<Vec<&RawValue>>(body)
        .or_else(|_| serde_json::from_slice::<Wrapped<'_>>(body).map(|wrapped| wrapped.data));
    let list = list.map_err(|error| {
        Error::new(Kind::UpstreamFailed, "The upstream's list of models could not be read.")
            .with_source(error)
    })?;
    let mut seen = HashSet::new();
    let cards = list.into_iter().filter_map(|raw| card(raw.get()));
    Ok(cards.filter(|card| seen.insert(card.id.clone())).take(MAX_MODELS).collect())
}

fn card(text: &str) -> Option<ModelCard> {
    let entry: Value = serde_json::from_str(text).ok()?;
    let id = entry.get("id")?.as_str()?;
    let is_usable =
        !id.is_empty() && id.chars().count() <= MAX_ID_CHARS && !id.contains(char::is_control);
    is_usable.then(|| ModelCard {
        id: id.to_owned(),
        created_s: entry.get("created").and_then(Value::as_i64).unwrap_or(0),
        owned_by: entry.get("owned_by").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

impl<'a> Object<'a> {
    fn of(card: &'a ModelCard) -> Self {
        Self { id: &card.id, object: "model", created: card.created_s, owned_by: &card.owned_by }
    }
}

/// The body of `GET /models`.
pub fn render_models(cards: &[ModelCard]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Object<'a>>,
    }
    to_json(&List { object: "list", data: cards.iter().map(Object::of).collect() })
}

/// The body of `GET /models/{id}`.
pub fn render_model(card: &ModelCard) -> Vec<u8> {
    to_json(&Object::of(card))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(body: &str) -> Vec<String> {
        parse_models(body.as_bytes()).unwrap().into_iter().map(|card| card.id).collect()
    }

    #[test]
    fn lists_are_read_leniently() {
        let body = r#"{"object":"list","data":[{"id":"a","created":5,"owned_by":"x","more":[1]},
            {"id":"b"},{"id":"b"},{"id":""},{"id":7},{},null,"c",{"id":"x\ny"},
            {"id":"d","created":1.5,"owned_by":null}],"next":null}"#;
        let cards = parse_models(body.as_bytes()).unwrap();
        let card = |id: &str, created_s, owner: &str| ModelCard {
            id: id.to_owned(),
            created_s,
            owned_by: owner.to_owned(),
        };
        assert_eq!(cards, [card("a", 5, "x"), card("b", 0, ""), card("d", 0, "")]);
        assert_eq!(ids(r#"[{"id":"a"}]"#), ["a"]);
        assert_eq!(ids(r#"{"data":[]}"#), [""; 0]);
    }

    #[test]
    fn what_is_no_list_is_the_upstreams_fault() {
        for bad in ["", "{}", r#"{"data":{}}"#, r#"{"error":{}}"#, "<html>"] {
            let error = parse_models(bad.as_bytes()).err().unwrap();
            assert_eq!(error.kind(), Kind::UpstreamFailed, "{bad}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let body: Vec<String> =
            (0..MAX_MODELS + 5).map(|n| format!(r#"{{"id":"m{n}"}}"#)).collect();
        assert_eq!(ids(&format!("[{}]", body.join(","))).len(), MAX_MODELS);
        assert_eq!(ids(&format!(r#"[{{"id":"{}"}}]"#, "x".repeat(257))).len(), 0);
    }

    #[test]
    fn ours_have_the_providers_form() {
        let card = ModelCard { id: "gpt\"4".to_owned(), created_s: 5, owned_by: "o".to_owned() };
        let one = r#"{"id":"gpt\"4","object":"model","created":5,"owned_by":"o"}"#;
        assert_eq!(String::from_utf8_lossy(&render_model(&card)), one);
        let list = format!(r#"{{"object":"list","data":[{one}]}}"#);
        assert_eq!(String::from_utf8_lossy(&render_models(std::slice::from_ref(&card))), list);
        assert_eq!(parse_models(list.as_bytes()).unwrap(), [card]);
    }

    proptest! {
        #[test]
        fn never_panics(body in any::<Vec<u8>>()) {
            let _ = parse_models(&body);
        }
    }
}
