//! Text that is never shown.

use std::fmt;

use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;

/// A password, token or key. It prints as `<secret>` wherever it is printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself, for the one who sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "<secret>" })
    }
}

impl Decode for Secret {
    fn go_type() -> String {
        "config.Secret".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if let Some(text) = reader.string_as(node, "config.plain") {
            self.0 = text;
        }
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn encode(&self) -> Out {
        if self.0.is_empty() { Out::Null } else { Out::Str("<secret>".to_owned()) }
    }
}
