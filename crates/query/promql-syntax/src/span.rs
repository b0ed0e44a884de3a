//! Where in the query text a node stands.

use std::fmt;

/// A range of bytes of the query text: `start` is its first byte, `end` is one past its last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// Builds a span from its two ends.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Returns the span from the start of `self` to the end of `last`.
    pub const fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }

    /// Returns the line and the column of the first byte, both counted from 1, the column in bytes; `None` for a
    /// place outside the text.
    pub fn line_column(self, text: &str) -> Option<(usize, usize)> {
        let before = text.as_bytes().get(..self.start)?;
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|&b| b == b'\n').count();
        Some((line, self.start - line_start + 1))
    }

    /// Returns the place as upstream prints it: `line:column`.
    ///
    /// An empty text has no places: `unknown position`, as in upstream's `posrange` package.
    pub fn position(self, text: &str) -> String {
        if text.is_empty() {
            return "unknown position".to_owned();
        }
        match self.line_column(text) {
            Some((line, column)) => format!("{line}:{column}"),
            None => "invalid position".to_owned(),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}
