//! Durations against the answers of prometheus/common.

use proptest::prelude::*;

use super::*;
use crate::golden::{check, rows};

#[test]
fn reads_what_upstream_reads() {
    for row in rows(include_str!("../../testdata/durations.tsv")) {
        let want = row[1..].join("\t");
        check(row[0], parse_duration(row[0]), |d| format!("{}\t{}", d.as_nanos(), format_duration(d)), &want);
    }
}

#[test]
fn writes_what_upstream_writes() {
    for row in rows(include_str!("../../testdata/format_durations.tsv")) {
        assert_eq!(format_duration_ms(row[0].parse().unwrap()), row[1]);
    }
}

#[test]
fn a_minus_is_an_option() {
    assert_eq!(parse_signed_duration_ms("-1h30m").unwrap(), -5_400_000);
    assert_eq!(parse_signed_duration_ms("2s").unwrap(), 2000);
    assert_eq!(parse_signed_duration_ms("-").unwrap_err().to_string(), "empty duration string");
    assert_eq!(parse_signed_duration_ms("--1s").unwrap_err().to_string(), r#"not a valid duration string: "-1s""#);
}

proptest! {
    #[test]
    fn milliseconds_read_back(ms in 0i64..9_223_372_036_854) {
        prop_assert_eq!(parse_duration(&format_duration_ms(ms)).unwrap().as_millis(), ms as u128);
    }

    #[test]
    fn never_panics(text: String) {
        let _ = parse_duration(&text);
    }
}
