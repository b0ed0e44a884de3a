//! What is wrong with a template, in Go's words.

use std::fmt;

/// A fault of a template; its `Display` is what Go says, place and all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateError {
    /// The name under which the text was parsed.
    pub name: String,
    /// From 1.
    pub line: usize,
    /// The byte of the text the fault is about; for a fault of parsing where its word begins.
    pub offset: usize,
    /// What is wrong, without the place.
    pub message: String,
    /// Go's whole text: `template: name:1:5: executing "name" at <.X>: …`.
    pub text: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TemplateError {}
