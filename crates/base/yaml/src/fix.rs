//! Changes that mend a fault, and applying them.

use crate::{Diagnostic, Span};

/// Puts `text` in the place of the bytes `start..end`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

/// Edits that belong together: all are made or none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fix {
    pub edits: Vec<Edit>,
}

impl Fix {
    /// Replaces a run of text.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Self { edits: vec![Edit { start: span.start, end: span.end, text: text.into() }] }
    }

    /// Puts text in front of a byte offset.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { edits: vec![Edit { start: at, end: at, text: text.into() }] }
    }

    /// Adds a further edit.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.edits.extend(other.edits);
        self
    }
}

/// Returns `text` with the fixes of the diagnostics made. A fix that touches what an earlier one changed, or that lies
/// outside the text, is left out; a second run over the result finds it again.
pub fn apply_fixes(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut taken: Vec<&Edit> = Vec::new();
    for fix in diagnostics.iter().filter_map(|d| d.fix.as_ref()) {
        let sound = |edit: &Edit| edit.start <= edit.end && text.get(edit.start..edit.end).is_some();
        let meets = |a: &Edit, b: &Edit| a == b || a.start < b.end && b.start < a.end || a.start == b.start;
        if fix.edits.iter().all(|edit| sound(edit) && !taken.iter().any(|other| meets(edit, other))) {
            taken.extend(&fix.edits);
        }
    }
    taken.sort_by_key(|edit| (edit.start, edit.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in taken {
        if edit.start < at {
            continue;
        }
        out.push_str(text.get(at..edit.start).unwrap_or(""));
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}
