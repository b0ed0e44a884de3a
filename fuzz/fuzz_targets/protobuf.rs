//! libFuzzer's entrance to `firesteel_fuzz::protobuf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::protobuf(data));
