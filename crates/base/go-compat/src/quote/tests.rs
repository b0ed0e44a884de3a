//! Quoted strings against Go's answers, and there and back.

use proptest::prelude::*;

use super::*;
use crate::golden::{check, rows, unhex, unhex_text};

#[test]
fn quotes_as_go() {
    for row in rows(include_str!("../../testdata/quote.tsv")) {
        assert_eq!(quote(&unhex(row[0])).to_string(), unhex_text(row[1]));
    }
}

#[test]
fn unquotes_as_go() {
    let hex = |bytes: Vec<u8>| bytes.iter().fold(String::from("="), |out, b| format!("{out}{b:02x}"));
    for row in rows(include_str!("../../testdata/unquote.tsv")) {
        let input = unhex(row[0]);
        check(&String::from_utf8_lossy(&input), unquote(&input), hex, row[1]);
    }
}

proptest! {
    #[test]
    fn bytes_read_back(text: Vec<u8>) {
        prop_assert_eq!(unquote(quote(&text).to_string().as_bytes()), Ok(text));
    }

    #[test]
    fn never_panics(text in "[\"'`][\\\\a-z0-9xuU\u{e9}]*[\"'`]") {
        let _ = unquote(text.as_bytes());
    }
}
