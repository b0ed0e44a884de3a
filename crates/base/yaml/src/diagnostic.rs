//! One fault of a file, as data: what, where, why, and what to do.

use crate::{Fix, Source, Span};

/// Whether a file with this fault is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    Error,
    Warning,
}

/// A fault and everything needed to show it without its file at hand.
#[derive(Clone, PartialEq, Debug)]
pub struct Diagnostic {
    /// Stable code, `FS` and four digits.
    pub code: &'static str,
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub len: usize,
    /// What is wrong, in the user's words.
    pub message: String,
    /// Short text beside the carets: the reason or the nearest right word.
    pub label: Option<String>,
    /// Lines below the picture.
    pub notes: Vec<String>,
    /// The exact text of upstream for this fault, where it has one.
    pub upstream: Option<String>,
    /// A change that mends this fault, when there is just one.
    pub fix: Option<Fix>,
    /// The line of the file.
    pub text: String,
    /// The command of promtool whose `--fix` makes the change.
    pub mended_by: &'static str,
}

impl Diagnostic {
    /// Makes an error at a place.
    pub fn error(source: &Source, span: Span, code: &'static str, message: impl Into<String>) -> Self {
        let text = source.line(span.line).to_owned();
        let run = source.text().get(span.start..span.end).unwrap_or("");
        let len = run.lines().next().unwrap_or("").trim_end().chars().count().max(1);
        Self {
            code,
            severity: Severity::Error,
            file: source.name().to_owned(),
            line: span.line,
            column: span.column,
            len,
            message: message.into(),
            label: None,
            notes: Vec::new(),
            upstream: None,
            fix: None,
            text,
            mended_by: source.mending_command(),
        }
    }

    /// Makes a warning at a place.
    pub fn warning(source: &Source, span: Span, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(source, span, code, message) }
    }

    /// Returns whether the file is refused because of this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Sets the text beside the carets.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a line below the picture.
    pub fn note(&mut self, note: impl Into<String>) -> &mut Self {
        self.notes.push(note.into());
        self
    }

    /// Sets upstream's text.
    pub fn upstream(&mut self, text: impl Into<String>) -> &mut Self {
        self.upstream = Some(text.into());
        self
    }

    /// Sets the change that mends this.
    pub fn fix(&mut self, fix: Fix) -> &mut Self {
        self.fix = Some(fix);
        self
    }
}
