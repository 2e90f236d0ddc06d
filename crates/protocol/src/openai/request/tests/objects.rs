//! Objects that are stored at the provider, wherever a request may name them.

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
        r#"{"type":"code_interpreter","container":{"type":"auto","file_ids":null}}"#.to_owned(),
        r#"{"type":"web_search","container":null}"#.to_owned(),
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
        (r#"{"type":"reasoning","id":"r"}"#, "input"),
        (r#"{"type":"reasoning","id":"r","summary":[ ],"status":"completed"}"#, "input"),
        (r#"{"type":"reasoning","id":"r","encrypted_content":"","content":[]}"#, "input"),
        (r#"{"type":"reasoning","id":"r","Summary":["x"],"role":"user"}"#, "input"),
        (r#"{"id":"r","summary":["x"],"summary":[],"TYPE":"Reasoning"}"#, "input"),
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
    for fine in [
        r#"{"type":"reasoning","id":"r","summary":[],"encrypted_content":"gAAAA"}"#,
        r#"{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"x"}]}"#,
        r#"{"type":"reasoning","id":"r","content":[{"type":"reasoning_text","text":"x"}]}"#,
        r#"{"type":"reasoning","id":null,"summary":[]}"#,
        r#"{"type":"message","id":"m","role":"assistant","content":[{"text":"x"}]}"#,
        r#"{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"}"#,
        r#"{"type":"image_generation_call","id":"ig","result":"iVBOR"}"#,
    ] {
        good(Responses, &with(&format!(r#""input":[{fine}]"#)));
    }
}
