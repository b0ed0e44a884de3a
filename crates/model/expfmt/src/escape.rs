//! Undoing the escapes of label values and help texts.

use std::borrow::Cow;

/// Undoes `\"`, `\\` and `\n` of names, label values, and OpenMetrics help texts; any other backslash stays.
pub(crate) fn label(text: &str) -> Cow<'_, str> {
    unescape(text, true)
}

/// Undoes `\\` and `\n` of help texts of the text format.
pub(crate) fn help(text: &str) -> Cow<'_, str> {
    unescape(text, false)
}

fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let meant = match (c, chars.peek()) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('n')) => '\n',
            ('\\', Some('"')) if quotes => '"',
            _ => {
                out.push(c);
                continue;
            }
        };
        chars.next();
        out.push(meant);
    }
    Cow::Owned(out)
}
