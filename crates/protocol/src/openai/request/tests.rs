//! What is read of a request; the files beside this one: what is refused as somebody else's object,
//! and what a splice does.

mod objects;
mod properties;
mod splices;

use tollgate_kernel::Kind;

use super::*;
use crate::openai::{Ceiling, Splice};

use Route::{ChatCompletions, Embeddings, Responses};

fn parse(route: Route, body: &str) -> Result<ModelRequest, Error> {
    ModelRequest::parse(route, Bytes::copy_from_slice(body.as_bytes()))
}

fn good(route: Route, body: &str) -> ModelRequest {
    parse(route, body).unwrap()
}

/// The param of the refusal.
fn refused(route: Route, body: &str) -> Option<String> {
    refused_as(Kind::InvalidRequest, route, body)
}

fn refused_as(kind: Kind, route: Route, body: &str) -> Option<String> {
    let error = parse(route, body).err().unwrap_or_else(|| panic!("accepted: {body}"));
    assert_eq!(error.kind(), kind, "{body}");
    assert!(error.detail().ends_with('.'), "{}", error.detail());
    error.param().map(str::to_owned)
}

fn with(members: &str) -> String {
    format!(r#"{{"model":"m",{members}}}"#)
}

const SET: Splice<'static> = Splice {
    model: None,
    safety_identifier: "S",
    prompt_cache_key: None,
    output_ceiling: None,
    include_usage: false,
    store_false: false,
};

fn spliced(route: Route, body: &str, set: &Splice<'_>) -> String {
    String::from_utf8(good(route, body).splice(set).to_vec()).unwrap()
}

#[test]
fn a_plain_request_is_read() {
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"model":"gpt-4o","stream":true,
        "n":2,"max_tokens":100,"max_completion_tokens":50,"prompt_cache_key":"k",
        "temperature":0.5}"#;
    let request = good(ChatCompletions, body);
    assert_eq!((request.model(), request.stream(), request.choices()), ("gpt-4o", true, 2));
    assert_eq!(request.output_ceiling(), Some(50));
    assert_eq!(request.input_bytes(), body.len() as u64);
    assert_eq!(request.prompt_cache_key(), Some("k"));
    assert_eq!(request.extras(), Extras::default());
    assert_eq!(request.route().path(), "/chat/completions");
    assert!(!request.usage_asked() && !request.reasons());
    assert_eq!(request.body(), body);
}

#[test]
fn m10_duplicate_model_members_are_refused() {
    for body in [
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","model":"a"}"#,
        r#"{"model":"a","m\u006fdel":"b"}"#,
        r#"{"\u006dodel":"a","m\u006Fdel":"b"}"#,
    ] {
        assert_eq!(refused(ChatCompletions, body).as_deref(), Some("model"), "{body}");
    }
}

#[test]
fn m10_any_duplicate_member_is_refused() {
    assert_eq!(refused(Responses, &with(r#""x":1,"x":1"#)).as_deref(), Some("x"));
    assert_eq!(refused(Responses, &with(r#""\n":1,"\u000a":1"#)).as_deref(), Some("\n"));
    let long = "y".repeat(1_000);
    let param = refused(Responses, &with(&format!(r#""{long}":1,"{long}":1"#)));
    assert_eq!(param, Some("y".repeat(64)));
    good(ChatCompletions, &with(r#""a":{"x":1,"x":2},"A":1"#));
}

#[test]
fn m10_case_variants_of_known_members_are_refused() {
    for name in ["Model", "MODEL", "m\\u004fdel", "Stream", "User", "N", "Max_Tokens"] {
        for body in [format!(r#"{{"model":"a","{name}":1}}"#), format!(r#"{{"{name}":"a"}}"#)] {
            assert!(refused(ChatCompletions, &body).is_some(), "{body}");
        }
    }
    assert_eq!(refused(Embeddings, &with("\"\u{17f}tream\":1")).as_deref(), Some("\u{17f}tream"));
    let hidden = r#""stream":true,"stream_options":{"Include_Usage":false}"#;
    assert!(refused(ChatCompletions, &with(hidden)).is_some());
    let twice = r#""stream_options":{"include_usage":true,"include_usage":false}"#;
    assert!(refused(ChatCompletions, &with(twice)).is_some());
    let escaped = r#""stream_options":{"include_usage":true,"include\u005fusage":false}"#;
    assert!(refused(ChatCompletions, &with(escaped)).is_some());
}

#[test]
fn m10_what_is_authorised_is_what_is_forwarded() {
    let escaped = r#"{"m\u006fdel":"\u0061","input":"x"}"#;
    let request = good(Embeddings, escaped);
    assert_eq!(request.model(), "a");
    let out = request.splice(&Splice { model: Some("b\"c"), ..SET });
    assert_eq!(out, r#"{"m\u006fdel":"b\"c","input":"x","user":"S"}"#);
}

#[test]
fn malformed_bodies_are_refused() {
    for body in ["", "{", "[]", "null", r#"{"model":"a"}x"#, r#"{"model":"a",}"#, "\u{feff}{}"] {
        assert_eq!(refused(ChatCompletions, body), None, "{body}");
    }
    assert!(
        ModelRequest::parse(ChatCompletions, Bytes::from_static(b"{\"model\":\"\xff\"}")).is_err()
    );
    let half = r#"{"model":"a","\ud800":1}"#;
    assert!(refused(ChatCompletions, half).is_some());
    let many: Vec<String> = (0..256).map(|n| format!(r#""x{n}":1"#)).collect();
    assert_eq!(refused(ChatCompletions, &with(&many.join(","))), None);
    good(ChatCompletions, &with(&many[..255].join(",")));
}

#[test]
fn t64_deep_bodies_are_refused() {
    let deep = |levels| with(&format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    good(ChatCompletions, &deep(127));
    assert_eq!(refused(ChatCompletions, &deep(128)), None);
    assert_eq!(refused(ChatCompletions, &deep(500_000)), None);
}

#[test]
fn the_model_is_needed() {
    let long = format!(r#"{{"model":"{}"}}"#, "é".repeat(257));
    for body in [
        "{}",
        r#"{"model":""}"#,
        r#"{"model":7}"#,
        r#"{"model":null}"#,
        &long,
        r#"{"model":"\ud800"}"#,
        r#"{"model":"a\nb"}"#,
        r#"{"model":"a\u0000"}"#,
        "{\"model\":\"a\u{7f}\"}",
        r#"{"model":"\u0085a"}"#,
    ] {
        assert_eq!(refused(ChatCompletions, body).as_deref(), Some("model"), "{body}");
    }
    good(ChatCompletions, &long.replacen("é", "", 1));
}

#[test]
fn members_of_the_wrong_type_are_refused_by_name() {
    for (member, bad) in [
        ("stream", r#""true""#),
        ("stream", "1"),
        ("n", "0"),
        ("n", "129"),
        ("n", "1.0"),
        ("n", r#""1""#),
        ("n", "-1"),
        ("max_tokens", "0"),
        ("max_tokens", "-1"),
        ("max_tokens", "1e3"),
        ("max_tokens", "18446744073709551616"),
        ("max_completion_tokens", "1.5"),
        ("max_output_tokens", "[]"),
        ("stream_options", "[]"),
        ("stream_options", "true"),
        ("service_tier", "1"),
        ("prompt_cache_key", "{}"),
    ] {
        let body = with(&format!(r#""{member}":{bad}"#));
        assert_eq!(refused(ChatCompletions, &body).as_deref(), Some(member), "{body}");
    }
    for fine in [
        "\"n\":null",
        "\"n\":128",
        "\"max_tokens\":null",
        "\"stream\":null",
        "\"stream_options\":null",
        "\"service_tier\":null",
        "\"max_tokens\":18446744073709551615",
    ] {
        good(ChatCompletions, &with(fine));
    }
    assert_eq!(refused(Embeddings, &with("\"stream\":true")).as_deref(), Some("stream"));
    good(Embeddings, &with("\"stream\":false"));
}

#[test]
fn partial_stream_options_are_fine() {
    for (options, asked) in [
        ("{}", false),
        (r#"{"include_obfuscation":false}"#, false),
        ("null", false),
        (r#"{"include_usage":false}"#, false),
        (r#"{"include_usage":null}"#, false),
        (r#"{"include_usage":true}"#, true),
        (r#"{ "a" : {"include_usage":true} }"#, false),
    ] {
        let body = with(&format!(r#""stream":true,"stream_options":{options}"#));
        assert_eq!(good(ChatCompletions, &body).usage_asked(), asked, "{options}");
        assert!(!good(Responses, &body).usage_asked());
    }
    let body = with(r#""stream_options":{"include_usage":1}"#);
    assert_eq!(refused(ChatCompletions, &body).as_deref(), Some("stream_options.include_usage"));
}

#[test]
fn m5_what_the_request_does_not_bound_is_told() {
    let part = |part: &str| format!(r#""messages":[{{"role":"user","content":[{part}]}}]"#);
    let none = Extras::default();
    let image = Extras { images: true, ..none };
    let picture = Extras { images_out: true, ..none };
    let audio = Extras { audio: true, ..none };
    let prediction = Extras { prediction: true, ..none };
    let priority = Extras { service_tier: Some("priority"), ..none };
    let shot = r#"{"type":"computer_call_output","output":{"type":"computer_screenshot"}}"#;
    for (members, extras) in [
        (part(r#"{"type":"text","text":"image_url"}"#), none),
        (part(r#"{"type":"image_url","image_url":{"url":"x"}}"#), image),
        (part(r#"{"type":"image\u005furl"}"#), image),
        (part(r#"{"type":"image_url","type":"text"}"#), image),
        (part(r#"{"Type":"Image_URL"}"#), image),
        (part(r#"{"type":"text","image_url":{"url":"x"}}"#), image),
        (part(r#"{"type":"file","file":{"file_data":"x"}}"#), image),
        (part(r#"{"type":"input_image","image_url":"x"}"#), image),
        (part(r#"{"type":"input_audio","input_audio":{"data":"x"}}"#), audio),
        (format!(r#""input":[{shot}]"#), image),
        (r#""modalities":["text"]"#.to_owned(), none),
        (r#""modalities":["text","audio"]"#.to_owned(), audio),
        (r#""modalities":["text","image"]"#.to_owned(), picture),
        (r#""modalities":"audio""#.to_owned(), Extras { images_out: true, ..audio }),
        (r#""service_tier":"auto""#.to_owned(), none),
        (r#""service_tier":"default""#.to_owned(), none),
        (r#""service_tier":"priority""#.to_owned(), priority),
        (r#""prediction":{"type":"content","content":"x"}"#.to_owned(), prediction),
    ] {
        assert_eq!(good(ChatCompletions, &with(&members)).extras(), extras, "{members}");
        assert_eq!(good(Responses, &with(&members)).extras(), extras, "{members}");
    }
}

#[test]
fn requests_that_speak_of_reasoning_say_so() {
    assert!(good(ChatCompletions, &with(r#""reasoning_effort":"low""#)).reasons());
    assert!(good(Responses, &with(r#""reasoning":{"effort":"low"}"#)).reasons());
    assert!(!good(Responses, &with(r#""reasoning":null"#)).reasons());
    assert!(!good(ChatCompletions, &with(r#""reasoning_effort":"none""#)).reasons());
    assert!(!good(Responses, &with(r#""reasoning":{ "effort" : "none" }"#)).reasons());
    for more in [
        r#"{"effort":"minimal"}"#,
        r#"{"effort":"None"}"#,
        r#"{"effort":"none","effort":"high"}"#,
        r#"{"effort":"none","Effort":"high"}"#,
        r#"{"effort":"none","max_tokens":2000}"#,
        r#"{"effort":null}"#,
        r#""none""#,
    ] {
        assert!(good(Responses, &with(&format!(r#""reasoning":{more}"#))).reasons(), "{more}");
    }
    let both = r#""reasoning_effort":"none","reasoning":{"effort":"high"}"#;
    assert!(good(ChatCompletions, &with(both)).reasons());
}
