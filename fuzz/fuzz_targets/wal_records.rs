//! libFuzzer's entrance to `firesteel_fuzz::wal_records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firesteel_fuzz::wal_records(data));
