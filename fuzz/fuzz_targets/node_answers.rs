//! libFuzzer's entrance to `firesteel_fuzz::node_answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::node_answers(data));
