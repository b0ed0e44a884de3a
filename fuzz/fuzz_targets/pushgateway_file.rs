//! libFuzzer's entrance to `firesteel_fuzz::pushgateway_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::pushgateway_file(data));
