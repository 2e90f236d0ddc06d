use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_kernel::Kind;

use super::*;
use crate::json_scan::tests::Outermost;
use crate::openai::Splice;

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
fn stored_objects_are_refused_with_words() {
    for (members, param) in [
        (r#""previous_response_id":"r""#, "previous_response_id"),
        (r#""conversation":{"id":"c"}"#, "conversation"),
        (r#""prompt":{"id":"p"}"#, "prompt"),
        (r#""background":true"#, "background"),
        (r#""background":1"#, "background"),
        (r#""input":[{"type":"item_reference","id":"i"}]"#, "input"),
        (r#""input":[{"id":"i"}]"#, "input"),
        (r#""input":[{"type":null,"id":"i"}]"#, "input"),
        (r#""input":[{"role":"user","content":"x"},{"TYPE":"item\u005freference"}]"#, "input"),
        (r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]"#, "file_id"),
        (r#""context_management":[{"type":"compaction"}]"#, "context_management"),
    ] {
        assert_eq!(refused(Responses, &with(members)).as_deref(), Some(param), "{members}");
    }
    for fine in [
        r#""previous_response_id":null,"conversation":null,"prompt":null,"background":false"#,
        r#""input":[{"role":"user","content":"x","id":"i"},{"type":"reasoning","summary":[]}]"#,
        r#""input":"item_reference","metadata":{"file_id":"x","type":"item_reference"}"#,
    ] {
        good(Responses, &with(fine));
    }
    good(ChatCompletions, &with(r#""prompt":"x","messages":[]"#));
}

#[test]
fn objects_that_tools_would_use_are_refused() {
    for (tool, param) in [
        (r#""type":"file_search","vector_store_ids":["vs"]"#, "vector_store_ids"),
        (r#""type":"file_search","Vector\u005fStore_ids":["vs"]"#, "vector_store_ids"),
        (r#""vector_store_ids":["vs"],"vector_store_ids":null"#, "vector_store_ids"),
        (r#""type":"code_interpreter","container":"cntr""#, "container"),
        (r#""type":"code_interpreter","container":{"file_ids":["f"]}"#, "file_ids"),
        (r#""environment":{"container_id":"c","type":"container_reference"}"#, "container_id"),
        (r#""environment":{"type":"Container_reference"}"#, "type"),
        (r#""environment":{"skills":[{"skill_id":"s"}]}"#, "skill_id"),
        (r#""type":"image_generation","input_image_mask":{"file_id":"f"}"#, "file_id"),
        (r#""parameters":{"file_ids":1},"file_ids":["f"],"parameters":{"a":1}"#, "file_ids"),
        (r#""PARAMETERS":{"file_ids":1}"#, "file_ids"),
    ] {
        let body = with(&format!(r#""tools":[{{"type":"custom"}},{{{tool}}}]"#));
        for route in [Responses, ChatCompletions] {
            assert_eq!(refused(route, &body).as_deref(), Some(param), "{body}");
        }
    }
    let schema = r#"{"type":"object","properties":{"file_ids":{},"container_id":{"type":"string"},
        "container":{"const":"x"},"parameters":{"type":"object"},"vector_store_ids":[]}}"#;
    for fine in [
        format!(r#"{{"type":"function","name":"f","parameters":{schema}}}"#),
        format!(r#"{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}"#),
        r#"{"type":"custom","name":"c","container":null}"#.to_owned(),
    ] {
        good(Responses, &with(&format!(r#""tools":[{fine}]"#)));
        good(ChatCompletions, &with(&format!(r#""tools":[{fine}]"#)));
    }
}

#[test]
fn objects_in_messages_are_refused_however_they_are_named() {
    for (members, param) in [
        (r#""messages":[{"role":"assistant","audio":{"id":"audio_1"}}]"#, "audio.id"),
        (r#""messages":[{"role":"assistant","Audio":{"x":1,"ID":"audio_1","y":2}}]"#, "audio.id"),
        (r#""messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]"#, "file_id"),
    ] {
        assert_eq!(refused(ChatCompletions, &with(members)).as_deref(), Some(param), "{members}");
    }
    let called = r#""messages":[{"role":"assistant","tool_calls":[{"id":"c"}],"audio":{"a":1}},
        {"role":"assistant","audio":null,"tool_calls":[{"id":"c"}],"x":{"id":"y"}}]"#;
    good(ChatCompletions, &with(called));
    let listed = r#"{"type":"mcp_list_tools","id":"m","tools":[{"name":"f","input_schema":
        {"properties":{"file_id":{"type":"string"}}}}]}"#;
    good(Responses, &with(&format!(r#""input":[{listed}]"#)));
}

#[test]
fn items_that_only_refer_are_refused() {
    for (item, param) in [
        (r#"{"id":"r","summary":["x"],"summary":[],"TYPE":"Reasoning"}"#, "input"),
        (r#"{"type":"reasoning","type":"reasoning","id":"r","summary":[]}"#, "input"),
        (r#"{"type":"reasoning","type":"item_reference","summary":[]}"#, "input"),
        (
            r#"{"type":"reasoning","id":"r","encrypted_content":"x","encrypted_content":null}"#,
            "input",
        ),
        (r#"{"type":"message","id":"m"}"#, "input"),
        (r#"{"type":"message","id":"m","status":"completed","content":null}"#, "input"),
        (r#"{"type":"image_generation_call","id":"ig","action":"edit","result":null}"#, "input"),
        (
            r#"{"type":"code_interpreter_call","id":"ci","code":"1","container_id":"c"}"#,
            "container_id",
        ),
    ] {
        let body = with(&format!(r#""input":[{{"role":"user","content":"x"}},{item}]"#));
        assert_eq!(refused(Responses, &body).as_deref(), Some(param), "{body}");
    }
    // What is left out is left out of a list.
    let alone = with(r#""input":{"a":{"type":"reasoning","id":"r"}}"#);
    assert_eq!(refused(Responses, &alone).as_deref(), Some("input"));
    for fine in [
        r#"{"type":"reasoning","id":"r","summary":[],"encrypted_content":"gAAAA"}"#,
        r#"{"type":"reasoning","id":"r","content":[{"type":"reasoning_text","text":"x"}]}"#,
        r#"{"type":"message","id":"m","role":"assistant","content":[{"text":"x"}]}"#,
        r#"{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"}"#,
        r#"{"type":"image_generation_call","id":"ig","result":"iVBOR"}"#,
    ] {
        let body = with(&format!(r#""input":[{fine}]"#));
        let out = spliced(Responses, &body, &Splice { store_false: true, ..SET });
        assert!(out.contains(fine), "{out}");
    }
}

#[test]
fn m10_names_are_folded_inside_too() {
    for (members, param) in [
        ("\"input\":[{\"content\":[{\"file_id\u{17f}\":[\"f\"]}]}]", "file_ids"),
        ("\"input\":[{\"content\":[{\"\u{17f}kill_id\":\"s\"}]}]", "skill_id"),
        ("\"input\":[{\"content\":[{\"s\u{212a}ill_id\":\"s\"}]}]", "skill_id"),
        (
            "\"tools\":[{\"type\":\"custom\",\"vector_\u{17f}tore_ids\":[\"v\"]}]",
            "vector_store_ids",
        ),
        ("\"input\":[{\"id\":\"m\",\"\u{17f}tatus\":\"completed\"}]", "input"),
        ("\"input\":[{\"content\":[{\"type\":\"\u{17f}kill_reference\"}]}]", "type"),
    ] {
        assert_eq!(refused(Responses, &with(members)).as_deref(), Some(param), "{members}");
    }
}

/// What becomes of the list in `input`.
fn sent(route: Route, list: &str) -> String {
    let body = with(&format!(r#""user":"S","safety_identifier":"S","store":false,"input":{list}"#));
    let out = spliced(route, &body, &Splice { store_false: true, ..SET });
    let (_, input) = out.split_once(r#""input":"#).unwrap();
    input.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn reasoning_that_was_not_kept_is_left_out_of_what_is_sent() {
    let gone = [
        r#"{"id":"rs_1","type":"reasoning","summary":[]}"#,
        r#"{"type":"reasoning","id":"r"}"#,
        r#"{"type":"reasoning","summary":[ ],"status":"completed"}"#,
        r#"{"type":"reasoning","id":"r","encrypted_content":"","content":[]}"#,
        r#"{"type":"reasoning","id":"r","encrypted_content":null,"summary":[{"text":"x"}]}"#,
        r#"{ "type" : "reasoning" , "Summary":["],}"],"role":"user"}"#,
    ];
    let (a, b) = (r#"{"role":"user","content":"],"}"#, r#""b""#);
    for x in gone {
        for y in gone {
            for (list, left) in [
                (format!("[{x}]"), "[]".to_owned()),
                (format!("[ {x} , {y} ]"), "[  ]".to_owned()),
                (format!("[{x}, {a} ,{b}]"), format!("[{a} ,{b}]")),
                (format!("[ {x} ,{y} , {a}]"), format!("[ {a}]")),
                (format!("[{a} , {x} , {b} ]"), format!("[{a}  , {b} ]")),
                (format!("[{a}, {x} ,{y},\n{b}]"), format!("[{a} ,\n{b}]")),
                (format!("[{a} ,{x},{y} ]"), format!("[{a}  ]")),
                (format!("[{x},{a},{y}]"), format!("[{a}]")),
                (format!("[{a},{b}]"), format!("[{a},{b}]")),
            ] {
                assert_eq!(sent(Responses, &list), left, "{list}");
                assert_eq!(sent(Embeddings, &list), list, "not a list of items");
            }
        }
    }
    // Nothing is cut where the provider may keep it.
    let body = with(&format!(r#""input":[{}]"#, gone[0]));
    assert!(spliced(Responses, &body, &SET).contains(gone[0]));
}

#[test]
fn reasoning_is_asked_for_in_a_form_that_can_be_sent_again() {
    let set = Splice { store_false: true, ..SET };
    let include = |route, members: &str| {
        let out: Value = serde_json::from_str(&spliced(route, &with(members), &set)).unwrap();
        out.get("include").cloned()
    };
    const WORD: &str = "reasoning.encrypted_content";
    for (given, expected) in [
        ("", json!([WORD])),
        (r#","include":null"#, json!([WORD])),
        (r#","include":[ ]"#, json!([WORD])),
        (r#","include":["a" ]"#, json!(["a", WORD])),
        (r#","include":["a","reasoning.encrypted\u005fcontent"]"#, json!(["a", WORD])),
    ] {
        let members = format!(r#""reasoning":{{"effort":"low"}}{given}"#);
        assert_eq!(include(Responses, &members), Some(expected), "{given}");
    }
    assert_eq!(include(Responses, r#""x":1"#), None, "a model that does not reason refuses it");
    assert_eq!(include(Responses, r#""reasoning":null,"include":["a"]"#), Some(json!(["a"])));
    assert_eq!(include(ChatCompletions, r#""reasoning":{}"#), None);
    let odd = with(r#""reasoning":{},"include":"a""#);
    assert_eq!(refused(Responses, &odd).as_deref(), Some("include"));
}

#[test]
fn m14_members_that_change_what_was_authorised_are_refused() {
    for (name, value) in [
        ("models", r#"["dear/model"]"#),
        ("fallbacks", r#"[{"model":"dear"}]"#),
        ("route", r#""fallback""#),
        ("preset", r#""x""#),
        ("data_sources", r#"[{"type":"azure_search"}]"#),
        ("dataSources", "[]"),
        ("access_programs", r#"["x"]"#),
        ("MODELS", "[]"),
        ("model\u{17f}", "[]"),
        ("context_management", "[]"),
    ] {
        for route in Route::ALL {
            let body = with(&format!(r#""{name}":{value}"#));
            assert_eq!(refused(route, &body).as_deref(), Some(name), "{body}");
            good(route, &with(&format!(r#""{name}":null,"metadata":{{"{name}":{value}}}"#)));
        }
    }
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
fn m5_tools_that_run_at_the_provider_are_refused() {
    let nested = r#"{"type":"function","function":{"parameters":{"type":"object"}}}"#;
    let flat = r#"{"type":"function","name":"f","parameters":{"type":"object"}}"#;
    let bare = r#"{"function":{"name":"f"}}"#;
    let custom = r#"{"type":"custom","name":"c","format":{"type":"grammar"}}"#;
    let listed = r#"{"type":"mcp_list_tools","id":"m","tools":[{"name":"f","input_schema":
        {"type":"object"}}]}"#;
    for fine in [
        format!(r#""tools":[{nested},{flat},{bare},{custom}]"#),
        format!(r#""input":[{listed},{{"type":"x","tools":[{flat}]}}]"#),
        r#""input":[{"content":[{"type":"input_text"}],"tools":[]}]"#.to_owned(),
        r#""tools":[],"web_search_options":null,"plugins":null"#.to_owned(),
    ] {
        good(ChatCompletions, &with(&fine));
        good(Responses, &with(&fine));
    }
    for (members, param) in [
        (format!(r#""tools":[{nested},{{"type":"web_search"}}]"#), "tools"),
        (r#""tools":[{"type":"image_generation"}]"#.to_owned(), "tools"),
        (
            r#""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#.to_owned(),
            "tools",
        ),
        (r#""tools":[{"type":"mcp","server_url":"https://x"}]"#.to_owned(), "tools"),
        (r#""tools":[{"type":"web\u005fsearch","type":"function"}]"#.to_owned(), "tools"),
        (r#""tools":[{"TYPE":"mcp","type":"function"}]"#.to_owned(), "tools"),
        (r#""tools":[{"type":["mcp"],"function":{}}]"#.to_owned(), "tools"),
        (r#""tools":[{"google_search":{}}]"#.to_owned(), "tools"),
        (r#""tools":{"type":"web_search"}"#.to_owned(), "tools"),
        (format!(r#""input":[{{"type":"x","tools":[{flat},{{"type":"mcp"}}]}}]"#), "input"),
        (r#""web_search_options":{}"#.to_owned(), "web_search_options"),
        (r#""plugins":[{"id":"web"}]"#.to_owned(), "plugins"),
        (r#""search_parameters":{"mode":"on"}"#.to_owned(), "search_parameters"),
    ] {
        for route in [ChatCompletions, Responses] {
            let param_told = refused_as(Kind::PriceUnknown, route, &with(&members));
            assert_eq!(param_told.as_deref(), Some(param), "{members}");
        }
    }
}

#[test]
fn requests_that_speak_of_reasoning_say_so() {
    assert!(good(ChatCompletions, &with(r#""reasoning_effort":"low""#)).reasons());
    assert!(good(Responses, &with(r#""reasoning":{"effort":"low"}"#)).reasons());
    assert!(!good(Responses, &with(r#""reasoning":null"#)).reasons());
}

#[test]
fn identity_is_overwritten_in_place_or_added() {
    let body = r#"{ "user" : {"a":1} , "model":"m","safety_identifier":"forged" , "x":1 }"#;
    assert_eq!(
        spliced(ChatCompletions, body, &SET),
        r#"{ "user" : "S" , "model":"m","safety_identifier":"S" , "x":1 }"#
    );
    let added = r#"{"model":"m","user":"S","safety_identifier":"S"}"#;
    assert_eq!(spliced(Responses, r#"{"model":"m"}"#, &SET), added);
    assert_eq!(spliced(Embeddings, r#"{"model":"m"}"#, &SET), r#"{"model":"m","user":"S"}"#);
    assert_eq!(
        spliced(Embeddings, r#"{"model":"m","safety_identifier":"forged"}"#, &SET),
        r#"{"model":"m","safety_identifier":"S","user":"S"}"#
    );
}

/// What splicing with `set` adds to or changes in a body that has our identity already.
fn limits(route: Route, members: &str, ceiling: Option<u64>) -> String {
    let identity = r#""user":"S","safety_identifier":"S","#;
    let body = format!(r#"{{{identity}"model":"m"{members}}}"#);
    let out = spliced(route, &body, &Splice { output_ceiling: ceiling, ..SET });
    let out = out.strip_prefix(&format!(r#"{{{identity}"model":"m""#)).unwrap();
    out.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn m5_the_output_ceiling_is_set_or_lowered_and_never_raised() {
    let chat = |members: &str, ceiling| limits(ChatCompletions, members, ceiling);
    assert_eq!(chat("", Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(chat(r#","max_tokens":10"#, Some(9)), r#","max_tokens":9"#);
    assert_eq!(chat(r#","max_tokens":8"#, Some(9)), r#","max_tokens":8"#);
    assert_eq!(chat(r#","max_completion_tokens":10"#, Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(chat(r#","max_completion_tokens":null"#, Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(
        chat(r#","max_tokens":null"#, Some(9)),
        r#","max_tokens":null,"max_completion_tokens":9"#
    );
    let both = r#","max_tokens":5,"max_completion_tokens":90"#;
    for ceiling in [None, Some(9), Some(100)] {
        assert_eq!(chat(both, ceiling), r#","max_tokens":5,"max_completion_tokens":5"#);
    }
    assert_eq!(chat(r#","max_output_tokens":90"#, None), r#","max_output_tokens":90"#);
    let responses = |members: &str, ceiling| limits(Responses, members, ceiling);
    assert_eq!(responses("", Some(9)), r#","max_output_tokens":9"#);
    assert_eq!(responses(r#","max_output_tokens":10"#, Some(9)), r#","max_output_tokens":9"#);
    assert_eq!(responses("", None), "");
    assert_eq!(limits(Embeddings, "", Some(9)), "");
}

#[test]
fn usage_is_asked_for_in_chat_streams_alone() {
    let set = Splice { include_usage: true, ..SET };
    let options = |route, options: &str| {
        let body = with(&format!(r#""stream":true{options}"#));
        let out: Value = serde_json::from_str(&spliced(route, &body, &set)).unwrap();
        out.get("stream_options").cloned()
    };
    for (given, sent) in [
        ("", r#"{"include_usage":true}"#),
        (r#","stream_options":null"#, r#"{"include_usage":true}"#),
        (r#","stream_options":{ }"#, r#"{"include_usage":true}"#),
        (r#","stream_options":{"include_usage":false}"#, r#"{"include_usage":true}"#),
        (
            r#","stream_options":{"a":[1], "include_usage" : null}"#,
            r#"{"a":[1],"include_usage":true}"#,
        ),
        (
            r#","stream_options":{"a":{"include_usage":1} }"#,
            r#"{"a":{"include_usage":1},"include_usage":true}"#,
        ),
    ] {
        assert_eq!(options(ChatCompletions, given), serde_json::from_str(sent).ok(), "{given}");
    }
    assert_eq!(options(Responses, ""), None);
    let plain = spliced(ChatCompletions, r#"{"model":"m"}"#, &set);
    assert!(!plain.contains("stream_options"));
}

#[test]
fn nothing_is_stored_for_us() {
    let set = Splice { store_false: true, ..SET };
    let store = |route, members: &str| {
        let out: Value = serde_json::from_str(&spliced(route, &with(members), &set)).unwrap();
        out.get("store").cloned()
    };
    for given in [r#""store":true"#, r#""store":null"#, r#""store":"yes""#] {
        assert_eq!(store(Responses, given), Some(json!(false)));
        assert_eq!(store(ChatCompletions, given), Some(json!(false)));
    }
    assert_eq!(store(Responses, r#""x":1"#), Some(json!(false)));
    assert_eq!(store(ChatCompletions, r#""x":1"#), None);
}

#[test]
fn a_splice_allocates_once() {
    let body = with(r#""stream":true,"prompt_cache_key":"k""#);
    let long = "\u{1}".repeat(50);
    let set = Splice {
        model: Some(&long),
        safety_identifier: &long,
        prompt_cache_key: Some(&long),
        output_ceiling: Some(u64::MAX),
        include_usage: true,
        store_false: true,
    };
    let out = good(ChatCompletions, &body).splice(&set);
    let added = out.len() - body.len();
    // Each escape takes all six bytes that were reserved for it: what was reserved was enough.
    assert!(added >= 4 * 6 * 50, "{added}");
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["user"], json!(long));
}

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
    let heeded: &[&str] = match route {
        ChatCompletions => &["max_tokens", "max_completion_tokens"],
        Responses => &["max_output_tokens"],
        Embeddings => &[],
    };
    let given = |map: &Map<String, Value>, name: &str| map.get(name).and_then(Value::as_u64);
    let own = heeded.iter().filter_map(|name| given(map, name)).min();
    if let (Some(limit), Some(last)) =
        ([own, set.output_ceiling].into_iter().flatten().min(), heeded.last())
    {
        for name in heeded {
            if given(map, name).is_some_and(|n| n > limit) {
                map.insert((*name).to_owned(), json!(limit));
            }
        }
        if own.is_none() {
            map.insert((*last).to_owned(), json!(limit));
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
        output_ceiling in prop::option::of(1_u64..150),
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
            output_ceiling,
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
