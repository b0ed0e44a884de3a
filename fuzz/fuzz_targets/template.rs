//! libFuzzer's entrance to `firesteel_fuzz::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::template(data));
