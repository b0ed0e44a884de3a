//! libFuzzer's entrance to `firesteel_fuzz::remote_write_v2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::remote_write_v2(data));
