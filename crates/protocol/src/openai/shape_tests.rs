//! What a profile puts into a request, byte by byte.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

use Route::{ChatCompletions, Embeddings, Responses};

const NOTHING: Shape<'static> = Shape {
    instructions: "",
    temperature: Bound { default: None, ceiling: None },
    top_p: Bound { default: None, ceiling: None },
    reasoning_effort: None,
};

fn parse(route: Route, members: &str) -> ModelRequest {
    let body = format!(r#"{{"model":"m"{members}}}"#);
    ModelRequest::parse(route, Bytes::from(body)).unwrap()
}

/// What stands behind the model, and what was put there.
fn shaped(route: Route, members: &str, shape: &Shape<'_>) -> (String, Shaped) {
    let (request, done) = match parse(route, members).shaped(shape).unwrap() {
        Some((request, done)) => (request, done),
        None => (parse(route, members), Shaped::default()),
    };
    let text = String::from_utf8(request.body().to_vec()).unwrap();
    assert_eq!(request.input_bytes(), text.len() as u64, "what is put in counts");
    let behind = text.strip_prefix(r#"{"model":"m""#).unwrap();
    (behind.strip_suffix('}').unwrap().to_owned(), done)
}

fn refused(route: Route, members: &str, shape: &Shape<'_>) -> String {
    let error = parse(route, members).shaped(shape).err().unwrap();
    assert_eq!(error.kind(), tollgate_kernel::Kind::InvalidRequest);
    error.param().unwrap().to_owned()
}

#[test]
fn a_chat_gets_a_message_before_all_others() {
    let shape = Shape { instructions: "Be \"brief\".\nNow.", ..NOTHING };
    let message = r#"{"role":"system","content":"Be \"brief\".\nNow."}"#;
    let of = |members: &str| shaped(ChatCompletions, members, &shape);
    let (text, done) = of(r#","messages": [ {"role":"user","content":"x"} ],"z":1"#);
    let expected = format!(r#","messages": [{message}, {{"role":"user","content":"x"}} ],"z":1"#);
    assert_eq!(text, expected);
    assert_eq!(done, Shaped { instructions: true, ..Shaped::default() });
    assert_eq!(of(r#","messages":[ ]"#).0, format!(r#","messages":[{message} ]"#));
    for wrong in ["", r#","messages":null"#, r#","messages":"x""#, r#","messages":{}"#] {
        assert_eq!(refused(ChatCompletions, wrong, &shape), "messages");
    }
}

#[test]
fn a_callers_own_first_message_gets_them_before_its_text() {
    let shape = Shape { instructions: "Be \"brief\".", ..NOTHING };
    let of = |messages: &str| {
        let (text, done) = shaped(ChatCompletions, &format!(r#","messages":{messages}"#), &shape);
        assert!(done.instructions);
        text.strip_prefix(r#","messages":"#).unwrap().to_owned()
    };
    let ours = r#"Be \"brief\".\n\n"#;
    let user = r#"{"role":"user","content":"Hi"}"#;
    for role in ["system", "developer", "\\u0073ystem"] {
        let own = |content: &str| {
            format!(r#"[ {{ "content" : {content} , "role":"{role}","name":"n"}} ,{user}]"#)
        };
        assert_eq!(of(&own(r#""\u0041 \"b\"""#)), own(&format!(r#""{ours}\u0041 \"b\"""#)));
        assert_eq!(of(&own(r#""""#)), own(r#""Be \"brief\".""#));
    }
    // A message in front, by the role that the caller uses.
    for (role, messages) in [
        ("system", format!("[{user}]")),
        ("system", format!(r#"[{user},{{"role":"system","content":"x"}}]"#)),
        ("developer", format!(r#"[{user},{{"role":"developer","content":"x"}}]"#)),
        ("developer", r#"[{"role":"developer","content":[{"type":"text","text":"x"}]}]"#.into()),
        ("system", r#"[{"role":"system","content":null}]"#.into()),
        ("system", r#"[{"role":"system"}]"#.into()),
        ("system", r#"[{"role":"system","content":"x","content":"y"}]"#.into()),
        ("system", r#"[{"role":"system","content":"x","Content":"y"}]"#.into()),
        ("system", r#"[{"role":"user","role":"system","content":"x"}]"#.into()),
        ("system", r#"[{"role":"user","content":{"role":"developer","content":"x"}}]"#.into()),
        ("system", r#"["x",{"role":"system","content":"x"}]"#.into()),
        ("system", r#"[[{"role":"developer","content":"x"}]]"#.into()),
    ] {
        let message = format!(r#"{{"role":"{role}","content":"Be \"brief\"."}}"#);
        let expected = messages.replacen('[', &format!("[{message},"), 1);
        assert_eq!(of(&messages), expected);
    }
    // What stands in other members is no message.
    let tools = r#","tools":[{"role":"developer","content":"x","type":"function"}]"#;
    let message = r#"{"role":"system","content":"Be \"brief\"."}"#;
    for (before, behind) in [(tools, ""), ("", tools)] {
        let members = format!(r#"{before},"messages":[{user}]{behind}"#);
        let expected = format!(r#"{before},"messages":[{message},{user}]{behind}"#);
        assert_eq!(shaped(ChatCompletions, &members, &shape).0, expected);
    }
}

#[test]
fn responses_get_instructions_before_the_callers_own() {
    let shape = Shape { instructions: "Be \"brief\".", ..NOTHING };
    let of = |members: &str| shaped(Responses, members, &shape).0;
    assert_eq!(of(r#","input":"x""#), r#","input":"x","instructions":"Be \"brief\".""#);
    assert_eq!(of(r#","instructions":null"#), r#","instructions":"Be \"brief\".""#);
    assert_eq!(of(r#","instructions":"""#), r#","instructions":"Be \"brief\".""#);
    let own = r#","instructions" : "\u0041 \"b\"""#;
    assert_eq!(of(own), r#","instructions" : "Be \"brief\".\n\n\u0041 \"b\"""#);
    for wrong in ["1", "[]", r#"{"a":"b"}"#] {
        let members = format!(r#","instructions":{wrong}"#);
        assert_eq!(refused(Responses, &members, &shape), "instructions");
    }
}

#[test]
fn numbers_are_set_where_there_are_none_and_lowered_to_a_ceiling() {
    let of = |default, ceiling, members: &str| {
        let temperature = Bound { default, ceiling };
        let (text, done) = shaped(Responses, members, &Shape { temperature, ..NOTHING });
        (text, done.temperature)
    };
    let set = |number: &str, put| (format!(r#","temperature":{number}"#), Some(put));
    let stays = |members: &str| (members.to_owned(), None);
    assert_eq!(of(Some(0.7), None, ""), set("0.7", Put::Default));
    assert_eq!(of(Some(0.7), None, r#","temperature":null"#), set("0.7", Put::Default));
    let own = r#","temperature":1.9"#;
    assert_eq!(of(Some(0.7), None, own), stays(own));
    assert_eq!(of(Some(0.7), Some(1.0), own), set("1.0", Put::Ceiling));
    assert_eq!(of(Some(0.7), Some(0.5), ""), set("0.5", Put::Ceiling));
    assert_eq!(of(None, Some(0.5), ""), set("0.5", Put::Ceiling), "a provider would take 1");
    assert_eq!(of(None, Some(1.0), ""), stays(""));
    for own in ["0.5", "0.50", "5e-1", "-1", "0"] {
        let own = format!(r#","temperature":{own}"#);
        assert_eq!(of(None, Some(0.5), &own), stays(&own));
    }
    for own in ["0.51", "1e400", "2"] {
        let own = format!(r#","temperature":{own}"#);
        assert_eq!(of(None, Some(0.5), &own), set("0.5", Put::Ceiling));
    }
    let ceiling = Shape { top_p: Bound { default: None, ceiling: Some(0.9) }, ..NOTHING };
    assert_eq!(refused(ChatCompletions, r#","top_p":"1","messages":[]"#, &ceiling), "top_p");
    let other = r#","top_p":"1""#;
    assert_eq!(of(Some(1.0), Some(1.0), other).1, Some(Put::Default), "each by itself");
}

#[test]
fn m10_a_ceiling_is_not_evaded_by_another_spelling() {
    for name in ["Temperature", "TOP_P", "top_\\u0050", "Instruction\\u017f"] {
        let body = format!(r#"{{"model":"m","{name}":2}}"#);
        let error = ModelRequest::parse(Responses, Bytes::from(body)).err().unwrap();
        assert!(error.detail().contains("lower case"), "{name}");
    }
    for twice in ["temperature", "top_p", "instructions"] {
        let body = format!(r#"{{"model":"m","{twice}":null,"{twice}":2}}"#);
        assert!(ModelRequest::parse(ChatCompletions, Bytes::from(body)).is_err(), "{twice}");
    }
    // An escape is another spelling of the same name.
    let shape = Shape { top_p: Bound { default: None, ceiling: Some(0.5) }, ..NOTHING };
    let (text, _) = shaped(Responses, r#","top\u005fp":0.9"#, &shape);
    assert_eq!(text, r#","top\u005fp":0.5"#);
}

#[test]
fn effort_is_set_where_the_caller_said_none() {
    let shape = Shape { reasoning_effort: Some("low"), ..NOTHING };
    let of = |route, members: &str| shaped(route, members, &shape).0;
    assert_eq!(of(ChatCompletions, ""), r#","reasoning_effort":"low""#);
    assert_eq!(of(ChatCompletions, r#","reasoning_effort":null"#), r#","reasoning_effort":"low""#);
    let own = r#","reasoning_effort":"high""#;
    assert_eq!(of(ChatCompletions, own), own);
    assert_eq!(of(Responses, ""), r#","reasoning":{"effort":"low"}"#);
    assert_eq!(of(Responses, r#","reasoning":null"#), r#","reasoning":{"effort":"low"}"#);
    assert_eq!(of(Responses, r#","reasoning":{ }"#), r#","reasoning":{ "effort":"low"}"#);
    let inside = r#","reasoning":{"summary":"auto" }"#;
    assert_eq!(of(Responses, inside), r#","reasoning":{"summary":"auto" ,"effort":"low"}"#);
    let null = r#","reasoning":{ "effort" : null }"#;
    assert_eq!(of(Responses, null), r#","reasoning":{ "effort" : "low" }"#);
    for own in [r#","reasoning":{"effort":"high"}"#, r#","reasoning":{"Effort":"high"}"#] {
        assert_eq!(of(Responses, own), own);
    }
    assert_eq!(refused(Responses, r#","reasoning":"low""#, &shape), "reasoning");
    let request = parse(Responses, "").shaped(&shape).unwrap().unwrap().0;
    assert!(request.reasons(), "what reasons may hide some of its cost");
    let none = Shape { reasoning_effort: Some("none"), ..NOTHING };
    for route in [ChatCompletions, Responses] {
        let request = parse(route, "").shaped(&none).unwrap().unwrap().0;
        assert!(!request.reasons(), "there is nothing to hide");
    }
}

#[test]
fn several_are_put_at_once_and_embeddings_get_nothing() {
    let both = Bound { default: Some(0.2), ceiling: None };
    let all =
        Shape { instructions: "I", temperature: both, top_p: both, reasoning_effort: Some("low") };
    let (text, done) = shaped(Responses, r#","input":"x""#, &all);
    let first = r#","input":"x","instructions":"I","temperature":0.2,"top_p":0.2"#;
    assert_eq!(text, format!(r#"{first},"reasoning":{{"effort":"low"}}"#));
    let put = Some(Put::Default);
    let expected =
        Shaped { instructions: true, temperature: put, top_p: put, reasoning_effort: true };
    assert_eq!(done, expected);
    assert!(parse(Embeddings, r#","input":"x""#).shaped(&all).unwrap().is_none());
}

proptest! {
    /// What is put is there, all else is as it was, and without a profile nothing is touched.
    #[test]
    fn a_shape_is_its_members_and_nothing_else(
        words in any::<String>(),
        own in any::<String>(),
        temperature in prop::option::of(0_u32..20),
        ceiling in prop::option::of(0_u32..20),
        chat in any::<bool>(),
        role in prop::sample::select(vec!["user", "system", "developer"]),
    ) {
        let tenths = |n: u32| f64::from(n) / 10.0;
        let mut before = json!({"model": "m", "z": [own, null]});
        let message = json!({"role": role, "content": own});
        let route = if chat { ChatCompletions } else { Responses };
        let said = if chat { "messages" } else { "instructions" };
        before[said] = if chat { json!([message]) } else { json!(own) };
        if let Some(temperature) = temperature {
            before["temperature"] = json!(tenths(temperature));
        }
        let text = before.to_string();
        let request = ModelRequest::parse(route, Bytes::from(text)).unwrap();
        prop_assert!(request.shaped(&NOTHING).unwrap().is_none());
        let bound = Bound { default: Some(0.3), ceiling: ceiling.map(tenths) };
        let shape = Shape { instructions: &words, temperature: bound, ..NOTHING };
        let mut expected = before.clone();
        let mut number = temperature.map_or(0.3, tenths);
        if let Some(ceiling) = ceiling {
            number = number.min(tenths(ceiling));
        }
        expected["temperature"] = json!(number);
        let empty = own.is_empty();
        let whole = if empty { words.clone() } else { format!("{words}\n\n{own}") };
        if !words.is_empty() && chat && role != "user" {
            expected[said] = json!([{"role": role, "content": whole}]);
        } else if !words.is_empty() && chat {
            expected[said] = json!([{"role": "system", "content": words}, message]);
        } else if !words.is_empty() {
            expected[said] = json!(whole);
        }
        let after: Value = match request.shaped(&shape).unwrap() {
            Some((request, _)) => serde_json::from_slice(request.body()).unwrap(),
            None => before,
        };
        prop_assert_eq!(after, expected);
    }
}
