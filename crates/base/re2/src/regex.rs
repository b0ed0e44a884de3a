//! A free expression, as templates use them: `regexp.MustCompile`.

use std::sync::Arc;

use regex_automata::{Input, meta};

use crate::captures::Captures;
use crate::error::RegexError;
use crate::flags::Flags;
use crate::parser::parse;
use crate::program::compile;

/// Finds matches anywhere in a text, the leftmost first. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: Arc<str>,
    names: Arc<[String]>,
    program: meta::Regex,
}

impl Regex {
    /// Compiles Go syntax.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let parsed = parse(pattern, Flags::default())?;
        let program = compile(&parsed.hir, pattern)?;
        Ok(Self { pattern: pattern.into(), names: parsed.group_names.into(), program })
    }

    /// Returns the pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns whether `text` holds a match.
    pub fn is_match(&self, text: &str) -> bool {
        self.program.is_match(text)
    }

    /// Returns the groups of the first match.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let mut slots = self.program.create_captures();
        self.program.search_captures(&Input::new(text), &mut slots);
        slots.is_match().then(|| Captures::from_slots(text, slots, Arc::clone(&self.names)))
    }

    /// Returns `text` with all matches replaced by the expanded template: `ReplaceAllString`.
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut from = 0;
        while from <= text.len() {
            let mut slots = self.program.create_captures();
            self.program.search_captures(&Input::new(text).range(from..), &mut slots);
            let Some(found) = slots.get_match() else { break };
            out.push_str(&text[copied..found.start()]);
            // upstream: an empty match just behind another match is not replaced.
            if found.end() > copied || found.start() == 0 {
                Captures::from_slots(text, slots, Arc::clone(&self.names)).expand(template, &mut out);
            }
            copied = found.end();
            let next = text[from..].chars().next().map_or(1, char::len_utf8);
            from = found.end().max(from + next);
        }
        out.push_str(&text[copied..]);
        out
    }
}
