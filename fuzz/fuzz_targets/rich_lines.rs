//! libFuzzer's entrance to `firesteel_fuzz::rich_lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::rich_lines(data));
