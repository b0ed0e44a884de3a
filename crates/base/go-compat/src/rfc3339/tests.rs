//! Instants against Go's answers, and there and back.

use proptest::prelude::*;

use super::*;
use crate::golden::rows;

#[test]
fn writes_what_go_writes() {
    for row in rows(include_str!("../../testdata/rfc3339.tsv")) {
        let instant = Instant {
            unix_secs: row[0].parse().unwrap(),
            nanos: row[1].parse().unwrap(),
            offset_secs: row[2].parse().unwrap(),
        };
        assert_eq!(instant.to_rfc3339(), row[3]);
        assert_eq!(instant.to_rfc3339_nano(), row[4]);
    }
}

proptest! {
    #[test]
    fn reads_back(unix_secs in -62_135_596_800i64..253_402_300_800, nanos in 0u32..1_000_000_000, minutes in -720i32..720) {
        let instant = Instant { unix_secs, nanos, offset_secs: minutes * 60 };
        let text = instant.to_rfc3339_nano();
        prop_assume!(text.len() > 4 && text.as_bytes()[4] == b'-');
        prop_assert_eq!(Instant::parse_rfc3339(&text), Some(instant));
        prop_assert_eq!(Instant::from_unix_ms(instant.unix_ms()).unix_ms(), instant.unix_ms());
    }

    #[test]
    fn never_panics(text: String) {
        let _ = Instant::parse_rfc3339(&text);
    }
}
