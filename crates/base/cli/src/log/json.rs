//! A log line as a JSON object, as slog's JSON handler writes it (no escaping of HTML).

use std::io::Write as _;

use super::{About, Record, Value};

pub(super) fn push(out: &mut Vec<u8>, about: &About<'_>, record: &Record) {
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{{\"time\":\"{}\",\"level\":\"{}\",\"source\":\"{}:{}\",\"msg\":",
        about.at.nanos(),
        about.level,
        about.file(),
        about.line()
    );
    push_text(out, &record.message);
    for (name, value) in &record.fields {
        out.push(b',');
        push_text(out, name);
        out.push(b':');
        match value {
            Value::Bare(text) if is_number_or_bool(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bare(text) | Value::Text(text) => push_text(out, text),
        }
    }
    out.push(b'}');
}

/// `NaN` and `inf` are no JSON.
fn is_number_or_bool(text: &str) -> bool {
    text == "true"
        || text == "false"
        || text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
