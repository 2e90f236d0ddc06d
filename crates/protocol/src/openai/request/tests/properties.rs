//! Any request: a splice is the edit and nothing else, and nothing panics.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::json_scan::tests::Outermost;

/// Names of members, those that matter among them.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "user",
            "safety_identifier",
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "stream",
            "stream_options",
            "store",
            "prompt_cache_key",
            "n",
        ])
        .prop_map(str::to_owned),
        "x[a-zé\"\\\\\n]{0,5}",
    ]
}

fn value_for(name: &str, other: Value, number: u64) -> Value {
    match name {
        "n" => json!(number % 128 + 1),
        "stream" => json!(number.is_multiple_of(2)),
        "prompt_cache_key" => json!(format!("k{number}")),
        "stream_options" => match number % 4 {
            0 => Value::Null,
            1 => json!({}),
            2 => json!({"include_usage": false, "z": other}),
            _ => json!({"a": other}),
        },
        _ if name.starts_with("max_") && number.is_multiple_of(3) => Value::Null,
        _ if name.starts_with("max_") => json!(number % 100 + 1),
        _ => other,
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| Value::from(Map::from_iter(map))),
        ]
    })
}

/// Members in any order with white space around them.
fn bodies() -> impl Strategy<Value = (Vec<(String, Value)>, Vec<String>)> {
    let member = (names(), anything(), any::<u64>()).prop_map(|(name, other, number)| {
        let value = value_for(&name, other, number);
        (name, value)
    });
    (prop::collection::vec(member, 0..12), prop::collection::vec("[ \n\t\r]{0,2}", 60)).prop_map(
        |(mut members, spaces)| {
            let at = members.len() / 2;
            members.insert(at, ("model".to_owned(), json!("alias")));
            let mut seen = std::collections::HashSet::new();
            members.retain(|(name, _)| seen.insert(name.clone()));
            (members, spaces)
        },
    )
}

fn write(members: &[(String, Value)], spaces: &[String]) -> String {
    let mut spaces = spaces.iter().map(String::as_str).cycle();
    let mut space = move || spaces.next().unwrap_or("");
    let mut out = format!("{}{{", space());
    for (at, (name, value)) in members.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let name = Value::from(name.as_str());
        let (a, b, c, d) = (space(), space(), space(), space());
        out.push_str(&format!("{comma}{a}{name}{b}:{c}{value}{d}"));
    }
    format!("{out}}}{}", space())
}

/// The same edit, made on values.
fn edited(route: Route, body: &Value, set: &Splice<'_>) -> Value {
    let mut out = body.clone();
    let map = out.as_object_mut().unwrap();
    if let Some(model) = set.model {
        map.insert("model".to_owned(), json!(model));
    }
    map.insert("user".to_owned(), json!(set.safety_identifier));
    if route != Embeddings || map.contains_key("safety_identifier") {
        map.insert("safety_identifier".to_owned(), json!(set.safety_identifier));
    }
    if let Some(key) = set.prompt_cache_key.filter(|_| map.contains_key("prompt_cache_key")) {
        map.insert("prompt_cache_key".to_owned(), json!(key));
    }
    if set.store_false
        && (route == Responses || (route == ChatCompletions && map.contains_key("store")))
    {
        map.insert("store".to_owned(), json!(false));
    }
    if set.include_usage && route == ChatCompletions && map.get("stream") == Some(&json!(true)) {
        let options = map.entry("stream_options").or_insert(Value::Null);
        if options.is_null() {
            *options = json!({});
        }
        options["include_usage"] = json!(true);
    }
    let limits: &[&str] = match route {
        Embeddings => &[],
        _ => &["max_tokens", "max_completion_tokens", "max_output_tokens"],
    };
    let heeded: &[&str] = match route {
        ChatCompletions => &["max_tokens", "max_completion_tokens"],
        Responses => &["max_output_tokens"],
        Embeddings => &[],
    };
    let given = |map: &Map<String, Value>, name: &str| map.get(name).and_then(Value::as_u64);
    let own = heeded.iter().filter_map(|name| given(map, name)).min();
    if let (Some(limit), Some(last)) =
        ([own, set.output_ceiling.map(|it| it.tokens)].into_iter().flatten().min(), heeded.last())
    {
        for name in limits {
            if given(map, name).is_some_and(|n| n > limit) {
                map.insert((*name).to_owned(), json!(limit));
            }
        }
        if own.is_none() {
            let older = route == ChatCompletions
                && set.output_ceiling.is_some_and(|ceiling| ceiling.by_max_tokens);
            let added = if older { "max_tokens" } else { *last };
            map.insert(added.to_owned(), json!(limit));
        }
    }
    out
}

fn outermost(text: &str) -> Vec<(&str, &str)> {
    let mut found = Outermost::default();
    scan_object(text, &mut found).unwrap();
    found.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn m10_a_splice_is_the_edit_and_nothing_else(
        (members, spaces) in bodies(),
        route in prop::sample::select(Route::ALL.to_vec()),
        model in prop::option::of(any::<String>()),
        identifier in any::<String>(),
        key in prop::option::of("[a-z]{0,5}"),
        tokens in prop::option::of(1_u64..150),
        by_max_tokens in any::<bool>(),
        include_usage in any::<bool>(),
        store_false in any::<bool>(),
    ) {
        let text = write(&members, &spaces);
        let Ok(request) = parse(route, &text) else {
            // The one thing that these bodies may ask for and not get.
            let streams = ("stream".to_owned(), json!(true));
            prop_assert!(route == Embeddings && members.contains(&streams));
            return Ok(());
        };
        let set = Splice {
            model: model.as_deref(),
            safety_identifier: &identifier,
            prompt_cache_key: key.as_deref(),
            output_ceiling: tokens.map(|tokens| Ceiling { tokens, by_max_tokens }),
            include_usage,
            store_false,
        };
        let out = String::from_utf8(request.splice(&set).to_vec()).unwrap();
        let before: Value = serde_json::from_str(&text).unwrap();
        let after: Value = serde_json::from_str(&out).unwrap();
        let expected = edited(route, &before, &set);
        prop_assert_eq!(&after, &expected, "{}", text);

        // What was there keeps its place; what did not change keeps its bytes.
        let (old, new) = (outermost(&text), outermost(&out));
        prop_assert!(new.len() >= old.len());
        for ((old_name, old_value), (new_name, new_value)) in old.iter().zip(&new) {
            prop_assert_eq!(old_name, new_name);
            let name: String = serde_json::from_str(old_name).unwrap();
            if before[&name] == expected[&name] && name != "user" && name != "safety_identifier" {
                prop_assert_eq!(old_value, new_value, "{}", name);
            }
        }
        // Between the values, nothing changed up to the end of the last member that was there.
        prop_assert_eq!(skeleton(&text, &old), skeleton(&out, &new[..old.len()]));
    }

    #[test]
    fn never_panics(
        body in any::<Vec<u8>>(),
        text in concat!("\\{(\"(model|Stream|input|tools)\"",
            "|:|,|\\[|\\{|\\}|\\]|\"type\"|1|null| ){0,20}\\}?"),
    ) {
        for route in Route::ALL {
            let _ = ModelRequest::parse(route, Bytes::from(body.clone()));
            if let Ok(request) = parse(route, &text) {
                let _ = request.splice(&SET);
            }
        }
    }
}

/// What stands before and between the values of `members` in `text`.
fn skeleton<'a>(text: &'a str, members: &[(&'a str, &'a str)]) -> Vec<&'a str> {
    let mut from = 0;
    let between = |(_, value): &(&str, &str)| {
        let at = value.as_ptr() as usize - text.as_ptr() as usize;
        let piece = &text[from..at];
        from = at + value.len();
        piece
    };
    members.iter().map(between).collect()
}
