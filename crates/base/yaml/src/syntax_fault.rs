//! Text that is not YAML: TABs, wrong nesting, unclosed quotes; in the user's words, with upstream's beside it.

use saphyr_parser::ScanError;

use crate::{Diagnostic, Edit, Fix, Source, Span};

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
    if let Some(found) = tab_fault(source, line).or_else(|| nesting_fault(source, line)) {
        return found;
    }
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

fn indent_of(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).count()
}

/// A TAB among the blanks at the beginning of the line where the parser stopped, or of one around it.
fn tab_fault(source: &Source, near: usize) -> Option<Diagnostic> {
    let tabbed = |line: &usize| source.line(*line).trim_start_matches(' ').starts_with('\t');
    let line = [near, near.saturating_sub(1), near + 1].into_iter().find(tabbed)?;
    let line = (1..=line).rev().take_while(tabbed).last()?;
    let column = source.line(line).chars().take_while(|c| *c == ' ').count() + 1;
    let start = source.offset(line, column);
    let span = Span { line, column, start, end: start + 1 };
    let mut found = Diagnostic::error(source, span, "FS0001", "a TAB is used to indent; YAML allows only spaces");
    found.label("write spaces").upstream(format!("yaml: line {line}: found a tab character that violates indentation"));
    // All lines of the run are mended at once; the first gets the depth that its forerunner asks for.
    let before = (1..line).rev().map(|n| source.line(n)).find(|l| !l.trim().is_empty()).unwrap_or("");
    let deeper = before.trim_end().ends_with(':') || before.trim_start().starts_with("- ");
    let base = indent_of(before) + if deeper { 2 } else { 0 };
    let own = |n: usize| {
        source
            .line(n)
            .chars()
            .take_while(|c| matches!(c, ' ' | '\t'))
            .map(|c| if c == '\t' { 2 } else { 1 })
            .sum::<usize>()
    };
    let first = own(line);
    let edits = (line..=source.line_count())
        .take_while(tabbed)
        .map(|n| {
            let start = source.offset(n, 1);
            let end = source.offset(n, indent_of(source.line(n)) + 1);
            Edit { start, end, text: " ".repeat((base + own(n)).saturating_sub(first)) }
        })
        .collect();
    found.fix(Fix { edits });
    Some(found)
}

/// A key at the depth of the `-` of the list item that it belongs into.
fn nesting_fault(source: &Source, near: usize) -> Option<Diagnostic> {
    let is_key = |text: &str| {
        let text = text.trim_start();
        !text.starts_with(['-', '#'])
            && text.split_once(':').is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
    };
    for line in [near, near.saturating_sub(1), near + 1] {
        let text = source.line(line);
        let indent = indent_of(text);
        if text.trim().is_empty() || !is_key(text) {
            continue;
        }
        let above = |n: &usize| {
            let other = source.line(*n);
            other.trim().is_empty() || indent_of(other) > indent || other.trim_start().starts_with('#')
        };
        let Some(item) = (1..line).rev().find(|n| !above(n)) else { continue };
        let opener = source.line(item);
        if indent_of(opener) != indent || !opener.trim_start().starts_with("- ") {
            continue;
        }
        let key = text.trim_start().split(':').next().unwrap_or("");
        let start = source.offset(line, indent + 1);
        let span = Span { line, column: indent + 1, start, end: start + key.len() };
        let owner = if opener.contains("job_name:") { "job" } else { "list item" };
        let message = format!("`{key}` is outside the {owner} that starts at line {item}; indent it by 2 spaces");
        let mut found = Diagnostic::error(source, span, "FS0002", message);
        found
            .label("two spaces further right")
            .upstream(format!("yaml: line {item}: did not find expected '-' indicator"));
        let inside = |n: &usize| {
            let other = source.line(*n);
            *n == line
                || other.trim().is_empty()
                || indent_of(other) > indent
                || indent_of(other) == indent && is_key(other)
        };
        let edits = (line..=source.line_count())
            .take_while(inside)
            .filter(|n| !source.line(*n).trim().is_empty())
            .map(|n| Edit { start: source.offset(n, 1), end: source.offset(n, 1), text: "  ".to_owned() })
            .collect();
        found.fix(Fix { edits });
        return Some(found);
    }
    None
}
