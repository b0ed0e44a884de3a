//! Go durations against Go's answers.

use proptest::prelude::*;

use super::*;
use crate::golden::{check, rows, unhex_text};

#[test]
fn reads_what_go_reads() {
    for row in rows(include_str!("../../testdata/parse_go_durations.tsv")) {
        let input = unhex_text(row[0]);
        check(&input, parse_go_duration(&input), |ns| ns.to_string(), row[1]);
    }
}

#[test]
fn writes_what_go_writes() {
    for row in rows(include_str!("../../testdata/format_go_durations.tsv")) {
        assert_eq!(format_go_duration(row[0].parse().unwrap()), row[1]);
    }
}

proptest! {
    #[test]
    fn nanoseconds_read_back(ns in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
        prop_assert_eq!(parse_go_duration(&format_go_duration(ns)).unwrap(), ns);
    }

    #[test]
    fn never_panics(text: String) {
        let _ = parse_go_duration(&text);
    }
}
