//! libFuzzer's entrance to `firesteel_fuzz::sample_chunk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::sample_chunk(data));
