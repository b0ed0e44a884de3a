//! Where in the file a run of a value's text stands, when the value is an expression or a template with faults of its own.

use std::ops::Range;

use crate::{Node, Source, Span};

impl Source {
    /// Returns the place of the bytes `inner` of a scalar's text. Quotes, block indicators, indentation and folded lines
    /// between the text and the file are walked over; where both do not agree (escapes), it is the scalar's own place.
    pub fn inner_span(&self, node: &Node, inner: Range<usize>) -> Span {
        let whole = node.span;
        let (Some(text), Some(raw)) = (node.text(), self.text().get(whole.start..whole.end)) else { return whole };
        let Some(offsets) = offsets(text, raw) else { return whole };
        let at = |byte: usize| offsets.iter().find(|(from, _)| *from >= byte).map(|(_, to)| whole.start + to);
        let start = at(inner.start).unwrap_or(whole.end);
        // Behind the last character, not in front of the next: blanks of the file may lie between.
        let last = text.get(..inner.end).and_then(|head| head.char_indices().next_back());
        let end = match last {
            Some((at_last, c)) if inner.end > inner.start => at(at_last).map_or(start, |place| place + c.len_utf8()),
            _ => start,
        };
        let (line, column) = self.place(start);
        Span { line, column, start, end: end.max(start) }
    }
}

/// Pairs the offset of each character of a scalar's text with its offset in the raw run of the file.
fn offsets(text: &str, raw: &str) -> Option<Vec<(usize, usize)>> {
    let mut at = match raw.bytes().next()? {
        b'"' | b'\'' => 1,
        // The line of a block scalar's indicator holds none of its text.
        b'|' | b'>' if raw.contains('\n') => raw.find('\n')? + 1,
        _ => 0,
    };
    let mut out = Vec::with_capacity(text.len() + 1);
    for (from, c) in text.char_indices() {
        if c.is_whitespace() {
            out.push((from, at));
            at += raw.get(at..)?.find(|c: char| !c.is_whitespace()).unwrap_or(raw.len() - at);
            continue;
        }
        at += raw.get(at..)?.find(|c: char| !c.is_whitespace())?;
        if !raw.get(at..)?.starts_with(c) {
            return None;
        }
        out.push((from, at));
        at += c.len_utf8();
        // `''` within single quotes is one.
        if c == '\'' && raw.starts_with('\'') && raw.get(at..)?.starts_with('\'') {
            at += 1;
        }
    }
    out.push((text.len(), at));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn check(file: &str, word: &str, line: usize, column: usize) {
        let source = Source::new("a.yml", file);
        let root = parse(&source).expect("YAML").expect("a mapping");
        let node = root.get("e").expect("the key");
        let text = node.text().expect("text");
        let start = text.find(word).expect("the word");
        let span = source.inner_span(node, start..start + word.len());
        assert_eq!((span.line, span.column), (line, column), "{file}");
        assert_eq!(source.text().get(span.start..span.end), Some(word), "{file}");
    }

    #[test]
    fn the_word_is_found_in_every_style() {
        check("e: sum(up) = 0\n", "=", 1, 12);
        check("e: 'sum(up) = 0'\n", "=", 1, 13);
        check("e: \"sum(up) = 0\"\n", "= 0", 1, 13);
        check("e: 'a{b=''c''} = 0'\n", "= 0", 1, 16);
        check("e: |\n  sum(up)\n    = 0\n", "=", 3, 5);
        check("e: >-\n  sum(up)\n  by (job)\n  = 0\n", "= 0", 4, 3);
        check("e: sum(up)\n  by (job)\n  = 0\n", "= 0", 3, 3);
        check("e: |-\n  up\n\n  = 0\n", "= 0", 4, 3);
        check("e: ä = 0\n", "=", 1, 6);
    }

    #[test]
    fn escapes_lead_to_the_value_itself() {
        let source = Source::new("a.yml", "e: \"a{b=\\\"c\\\"} = 0\"\n");
        let root = parse(&source).expect("YAML").expect("a mapping");
        let node = root.get("e").expect("the key");
        assert_eq!(source.inner_span(node, 9..10), node.span);
    }
}
