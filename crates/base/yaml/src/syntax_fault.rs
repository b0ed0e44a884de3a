//! Text that is not YAML: TABs, wrong nesting, unclosed quotes; in the user's words, with upstream's beside it.

use saphyr_parser::ScanError;

use crate::{Diagnostic, Source, Span};

/// Finds what Go's reader refuses before it parses: bytes that are no printable characters.
pub(crate) fn before_parsing(source: &Source) -> Option<Diagnostic> {
    let bad = |c: char| !matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let (at, c) = source.text().char_indices().find(|(at, c)| bad(*c) && !(*at == 0 && *c == '\u{feff}'))?;
    let (line, column) = source.place(at);
    let span = Span { line, column, start: at, end: at + c.len_utf8() };
    let mut found = Diagnostic::error(
        source,
        span,
        "FS0005",
        format!("the character U+{:04X} cannot stand in YAML; is this a text file?", u32::from(c)),
    );
    found.upstream("yaml: control characters are not allowed");
    Some(found)
}

/// Makes the diagnostic for a place where the parser gave up.
pub(crate) fn syntax_fault(source: &Source, error: &ScanError) -> Diagnostic {
    let at = error.marker();
    let (line, column) = (at.line().clamp(1, source.line_count()), at.col() + 1);
    let start = source.offset(line, column);
    let span = Span { line, column, start, end: start };
    let mut found = Diagnostic::error(source, span, "FS0003", format!("this is not YAML: {}", error.info()));
    found.upstream(format!("yaml: line {line}: {}", error.info()));
    found
}

/// Makes the diagnostic for a file that would cost too much.
pub(crate) fn budget_fault(source: &Source, span: Span, message: &str, upstream: &str) -> Box<Diagnostic> {
    let mut found = Diagnostic::error(source, span, "FS0006", message);
    found.upstream(upstream);
    Box::new(found)
}
