//! Telling where in a regular expression the fault is.

use firesteel_re2::RegexError;
use firesteel_yaml::{Node, Reader, Span};

/// Notes a pattern that does not compile.
pub(crate) fn note(node: &Node, pattern: &str, error: &RegexError, reader: &mut Reader<'_>) {
    let unclosed = unclosed(pattern);
    let mut span = node.span;
    let key = reader.key().to_owned();
    let mut message = format!("`{key}` is not a regular expression: {pattern:?}");
    let own = reader.source().text().get(span.start..span.end).unwrap_or("");
    if let Some((at, open)) = unclosed {
        let what = match open {
            '(' => "( is never closed",
            '[' => "[ is never closed",
            _ => "a ) too many",
        };
        message = format!("{key} {pattern:?}: {:?} at character {} {}", open, at + 1, what.get(2..).unwrap_or(what));
        // Point inside the text when its letters stand in the file as they are.
        if let Some(offset) = own.find(pattern) {
            let bytes = offset + pattern.char_indices().nth(at).map_or(0, |(b, _)| b);
            let start = span.start + bytes;
            let (line, column) = reader.source().place(start);
            span = Span { line, column, start, end: start + 1 };
        }
    }
    reader.error(span, "FS0150", message).upstream(error.to_string());
}

/// Returns the place (in characters) of the first bracket without its partner.
fn unclosed(pattern: &str) -> Option<(usize, char)> {
    let mut open = Vec::new();
    let mut class: Option<usize> = None;
    let mut chars = pattern.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' if class.is_none() => {
                class = Some(at);
                chars.next_if(|(_, c)| *c == '^');
                chars.next_if(|(_, c)| *c == ']');
            }
            ']' if class.is_some() => class = None,
            '(' if class.is_none() => open.push(at),
            ')' if class.is_none() && open.pop().is_none() => return Some((at, ')')),
            _ => {}
        }
    }
    class.map(|at| (at, '[')).or_else(|| open.first().map(|at| (*at, '(')))
}
