#![no_main]

#[path = "../../crates/protocol/tests/corpus/targets.rs"]
#[expect(dead_code, reason = "each target is a program of its own")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::plugin_manifest_target(data));
