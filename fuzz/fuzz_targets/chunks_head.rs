//! libFuzzer's entrance to `firesteel_fuzz::chunks_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::chunks_head(data));
