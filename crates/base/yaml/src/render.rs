//! Drawing a diagnostic for a terminal or a log.

use std::fmt::Write;

use crate::{Diagnostic, Severity};

impl Diagnostic {
    /// Returns the picture: headline, place, the line with carets under the fault, upstream's words, notes.
    ///
    /// A TAB in the line is drawn as `→`, one column wide, so that carets stand under what they mean.
    pub fn render(&self) -> String {
        let mut out = String::new();
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let gutter = " ".repeat(self.line.to_string().len());
        let _ = writeln!(out, "{word}[{}]: {}", self.code, self.message);
        let _ = writeln!(out, "{gutter}--> {}:{}:{}", self.file, self.line, self.column);
        let _ = writeln!(out, "{gutter} |");
        let line: String = self.text.chars().map(|c| if c == '\t' { '→' } else { c }).collect();
        let _ = writeln!(out, "{} |{}{line}", self.line, if line.is_empty() { "" } else { " " });
        let carets = "^".repeat(self.len.min(self.text.chars().count().saturating_sub(self.column - 1).max(1)));
        let indent = " ".repeat(self.column - 1);
        match &self.label {
            Some(label) => writeln!(out, "{gutter} | {indent}{carets} {label}"),
            None => writeln!(out, "{gutter} | {indent}{carets}"),
        }
        .ok();
        if let Some(upstream) = &self.upstream {
            let mut lines = upstream.lines();
            let _ = writeln!(out, "{gutter} = upstream: {}", lines.next().unwrap_or(""));
            for line in lines {
                let _ = writeln!(out, "{gutter}   {line}");
            }
        }
        for note in &self.notes {
            let mut lines = note.lines();
            let _ = writeln!(out, "{gutter} = note: {}", lines.next().unwrap_or(""));
            for line in lines {
                let _ = writeln!(out, "{gutter}   {line}");
            }
        }
        if self.fix.is_some() {
            let _ = writeln!(out, "{gutter} = fix: firesteel promtool {} --fix {}", self.mended_by, self.file);
        }
        out
    }
}
