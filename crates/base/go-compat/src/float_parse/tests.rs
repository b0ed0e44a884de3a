//! Texts as floats against Go's answers and the standard library's.

use proptest::prelude::*;

use super::*;
use crate::golden::{check, rows, unhex};

#[test]
fn reads_what_go_reads() {
    for row in rows(include_str!("../../testdata/parse_float.tsv")) {
        let input = unhex(row[0]);
        let shown = String::from_utf8_lossy(&input).into_owned();
        check(&shown, parse_float(&input), |v| format!("{:016x}", v.to_bits()), row[1]);
        assert_eq!(parse_float_bytes(&input).is_ok(), !row[1].starts_with('!'), "{shown}");
    }
}

proptest! {
    #[test]
    fn the_fast_path_agrees_with_the_standard_library(text in "[+-]?[0-9]{0,22}(\\.[0-9]{0,22})?([eE][+-]?[0-9]{1,3})?") {
        let want = text.parse::<f64>().ok().filter(|v| v.is_finite());
        prop_assert_eq!(parse_float(&text).ok().map(f64::to_bits), want.map(f64::to_bits), "{}", text);
    }

    #[test]
    fn never_panics(text: Vec<u8>) {
        let _ = parse_float(&text);
    }
}
