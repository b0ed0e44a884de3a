//! Reads the tables of answers that Go gave to inputs of ours (`testdata/*.tsv`).

/// Returns the rows, split at tabs; the first line tells what the columns are.
pub(crate) fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows: Vec<Vec<&str>> =
        table.trim_end_matches('\n').split('\n').skip(1).map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() > 10, "the table has lost its rows");
    rows
}

/// Reads bytes that stand in hexadecimal because they are not fit for a line.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).expect("a hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Reads bytes in hexadecimal that are known to be text.
pub(crate) fn unhex_text(text: &str) -> String {
    String::from_utf8(unhex(text)).expect("a text")
}

/// Compares an answer with a column that holds a value, or `!` and the error's text.
#[track_caller]
pub(crate) fn check<V, E: std::fmt::Display>(input: &str, got: Result<V, E>, show: impl Fn(V) -> String, want: &str) {
    let got = match got {
        Ok(v) => show(v),
        Err(e) => format!("!{e}"),
    };
    assert_eq!(got, want, "input {input:?}");
}
