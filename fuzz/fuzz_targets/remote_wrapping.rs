//! libFuzzer's entrance to `firesteel_fuzz::remote_wrapping`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::remote_wrapping(data));
