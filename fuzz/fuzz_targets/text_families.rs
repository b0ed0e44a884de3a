//! libFuzzer's entrance to `firesteel_fuzz::text_families`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::text_families(data));
