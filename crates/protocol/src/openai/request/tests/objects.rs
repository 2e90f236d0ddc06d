//! Objects that are stored at the provider, wherever a request may name them.

use serde_json::{Value, json};

use super::*;

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
        (r#""audio":{"voice":{"id":"voice_1"},"format":"wav"}"#, "audio.voice.id"),
        (r#""audio":{"Voice":{"ID":"voice_1"},"voice":"alloy"}"#, "audio.voice.id"),
        (r#""AUDIO":{"voice":{"id":"voice_1"}}"#, "AUDIO"),
    ] {
        assert_eq!(refused(ChatCompletions, &with(members)).as_deref(), Some(param), "{members}");
    }
    let called = r#""messages":[{"role":"assistant","tool_calls":[{"id":"c"}],"audio":{"a":1}},
        {"role":"assistant","audio":null,"tool_calls":[{"id":"c"}],"x":{"id":"y"}}]"#;
    good(ChatCompletions, &with(called));
    good(ChatCompletions, &with(r#""audio":{"voice":"alloy","format":"wav"}"#));
    good(ChatCompletions, &with(r#""audio":null,"metadata":{"voice":{"id":"mine"}}"#));
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
fn m5_the_ceiling_is_not_evaded_by_other_servers_names_for_it() {
    for name in [
        "n_predict",
        "N_Predict",
        "nPredict",
        "num_predict",
        "max_new_tokens",
        "maxNewTokens",
        "max_length",
        "max_completion_len",
        "max_gen_len",
        "max_tokens_to_sample",
        "maxTokens",
        "max-tokens",
        "MaxCompletionTokens",
        "max_output_len",
        "max_new_token\u{17f}",
        "maxOutputTokens",
        "n_cmpl",
        "best_of",
        "num_return_sequences",
        "candidateCount",
        "options",
        "Options",
        "parameters",
        "extra_body",
        "extraBody",
        "generation_config",
        "sampling_params",
    ] {
        for route in Route::ALL {
            for value in ["100000", "-1", "{\"num_predict\":100000}", "\"9\""] {
                let body = with(&format!(r#""max_tokens":5,"{name}":{value}"#));
                assert_eq!(refused(route, &body).as_deref(), Some(name), "{body}");
            }
            // Nothing is said, or of something else.
            good(route, &with(&format!(r#""{name}":null,"metadata":{{"{name}":9}}"#)));
        }
    }
    let escaped = with(r#""n\u005fpredict":9"#);
    assert_eq!(refused(ChatCompletions, &escaped).as_deref(), Some("n_predict"));
    // What stays below the ceiling, or says nothing of it.
    for fine in ["min_tokens", "ignore_eos", "n_probs", "length", "tokens", "max_tool_calls"] {
        good(ChatCompletions, &with(&format!(r#""{fine}":1"#)));
    }
}

#[test]
fn m14_a_call_is_not_led_elsewhere_by_a_member() {
    for name in [
        "api_base",
        "apiBase",
        "base_url",
        "api_key",
        "API_\u{212a}EY",
        "extra_headers",
        "custom_llm_provider",
        "user_config",
        "model_list",
        "kv_transfer_params",
        "bootstrap_host",
        "session_params",
        "lora",
        "lora_path",
        "adapter_id",
    ] {
        for route in Route::ALL {
            let body = with(&format!(r#""{name}":["x"]"#));
            assert_eq!(refused(route, &body).as_deref(), Some(name), "{body}");
        }
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
        r#""tools":[{"type":"local_shell"},{"type":"apply_patch"}]"#.to_owned(),
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
