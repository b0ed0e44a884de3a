//! libFuzzer's entrance to `firesteel_fuzz::block_index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::block_index(data));
