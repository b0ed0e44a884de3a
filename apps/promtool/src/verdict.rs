//! What a check says: upstream's lines and our pictures for a person, or one report for a machine.

use std::fmt::Display;

use firesteel_config::{Diagnostic, ReportFormat, report};

use crate::Console;

/// Where a check's words go. In a machine's format nothing is printed before the end, and then the report alone.
pub(crate) struct Verdict<'a, 'c> {
    console: &'a mut Console<'c>,
    format: Option<ReportFormat>,
    found: Vec<Diagnostic>,
}

impl<'a, 'c> Verdict<'a, 'c> {
    /// `format` is the value of `--format`.
    pub(crate) fn new(format: &str, console: &'a mut Console<'c>) -> Self {
        let format = match format {
            "json" => Some(ReportFormat::Json),
            "sarif" => Some(ReportFormat::Sarif),
            "github" => Some(ReportFormat::Github),
            _ => None,
        };
        Self { console, format, found: Vec::new() }
    }

    /// Reads all of standard input.
    pub(crate) fn read_input(&mut self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        self.console.input.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A line of data for a person.
    pub(crate) fn say(&mut self, line: impl Display) {
        if self.format.is_none() {
            self.console.say(line);
        }
    }

    /// A line of talk for a person.
    pub(crate) fn complain(&mut self, line: impl Display) {
        if self.format.is_none() {
            self.console.complain(line);
        }
    }

    /// Upstream's words first, our pictures below.
    pub(crate) fn refuse(&mut self, words: impl Display, faults: Vec<Diagnostic>) {
        self.complain(words);
        self.show(faults);
    }

    /// Pictures alone.
    pub(crate) fn show(&mut self, faults: Vec<Diagnostic>) {
        if self.format.is_none() {
            for fault in &faults {
                self.console.complain(format_args!("\n{}", fault.render().trim_end()));
            }
        }
        self.found.extend(faults);
    }

    /// A finding whose words for a person were said already.
    pub(crate) fn note(&mut self, fault: Diagnostic) {
        self.found.push(fault);
    }

    /// Writes the report, if one is wanted.
    pub(crate) fn finish(self) {
        if let Some(format) = self.format {
            let _ = write!(self.console.out, "{}", report(&self.found, format));
        }
    }
}

/// Draws diagnostics one below the other.
pub(crate) fn pictures(diagnostics: &[Diagnostic]) -> String {
    let pictures: Vec<String> =
        diagnostics.iter().map(|diagnostic| diagnostic.render().trim_end().to_owned()).collect();
    pictures.join("\n\n")
}
