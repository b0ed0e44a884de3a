//! libFuzzer's entrance to `firesteel_fuzz::push_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::push_body(data));
