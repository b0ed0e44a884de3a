//! libFuzzer's entrance to `firesteel_fuzz::relabel`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::relabel(data));
