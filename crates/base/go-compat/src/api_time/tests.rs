//! API parameters against upstream's own answers.

use super::*;
use crate::golden::{check, rows};

#[test]
fn reads_times_as_upstream() {
    for row in rows(include_str!("../../testdata/api_times.tsv")) {
        let want = row[1..].join("\t");
        check(row[0], parse_api_time(row[0]), |t| format!("{}\t{}", t.unix_secs, t.nanos), &want);
    }
}

#[test]
fn reads_durations_as_upstream() {
    for row in rows(include_str!("../../testdata/api_durations.tsv")) {
        check(row[0], parse_api_duration_ns(row[0]), |ns| ns.to_string(), row[1]);
    }
}

#[test]
fn the_extremes_print_as_they_are_read() {
    assert_eq!(MIN_TIME.to_rfc3339_nano(), MIN_TIME_FORMATTED);
    assert_eq!(MAX_TIME.to_rfc3339_nano(), MAX_TIME_FORMATTED);
}
