//! libFuzzer's entrance to `firesteel_fuzz::head_snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::head_snapshot(data));
