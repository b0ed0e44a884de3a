//! A log line as `key=value` pairs, quoted by the rules of slog's text handler.

use std::io::Write as _;

use firesteel_go_compat::{is_print, quote};

use super::{About, Record, Value};

pub(super) fn push(out: &mut Vec<u8>, about: &About<'_>, record: &Record) {
    // Writing to a vector cannot fail.
    let _ =
        write!(out, "time={} level={} source={}:{} msg=", about.at.millis(), about.level, about.file(), about.line());
    push_text(out, &record.message);
    for (name, value) in &record.fields {
        out.push(b' ');
        push_text(out, name);
        out.push(b'=');
        match value {
            Value::Bare(text) | Value::Text(text) => push_text(out, text),
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    if needs_quotes(text) {
        let _ = write!(out, "{}", quote(text));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn needs_quotes(text: &str) -> bool {
    let odd = |c: char| matches!(c, ' ' | '=' | '"' | char::REPLACEMENT_CHARACTER) || c.is_whitespace() || !is_print(c);
    text.is_empty() || text.contains(odd)
}
