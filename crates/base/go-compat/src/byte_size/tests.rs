//! Byte sizes against the answers of the library upstream uses.

use proptest::prelude::*;

use super::*;
use crate::golden::{check, rows};

#[test]
fn reads_and_writes_as_upstream() {
    for row in rows(include_str!("../../testdata/byte_sizes.tsv")) {
        if let Some(bytes) = row[0].strip_prefix('=') {
            assert_eq!(format_byte_size(bytes.parse().unwrap()), row[1]);
            continue;
        }
        let want = row[1..].join("\t");
        check(row[0], parse_byte_size(row[0]), |n| format!("{n}\t{}", format_byte_size(n)), &want);
    }
}

#[test]
fn eight_exbibytes_do_not_fit() {
    assert_eq!(parse_byte_size("8EB"), Err(ByteSizeError::Overflow));
}

proptest! {
    #[test]
    fn sizes_read_back(bytes in 0i64..1 << 53) {
        prop_assert_eq!(parse_byte_size(&format_byte_size(bytes)).unwrap(), bytes);
    }

    #[test]
    fn never_panics(text: String) {
        let _ = parse_byte_size(&text);
    }
}
