//! libFuzzer's entrance to `firesteel_fuzz::promql_eval`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::promql_eval(data));
