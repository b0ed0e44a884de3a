//! An expression that must match a whole text, as `^(?s:…)$`.

use std::sync::Arc;

use regex_automata::{Input, meta};
use regex_syntax::hir::{Hir, Look};

use crate::captures::Captures;
use crate::error::RegexError;
use crate::flags::Flags;
use crate::parser::{Parsed, parse};
use crate::program::compile;
use crate::shortcut::{Shape, Shortcut};

/// Matches whole texts; `.` matches newlines too. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AnchoredRegex(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pattern: String,
    names: Arc<[String]>,
    shape: Shape,
    /// Absent when the shortcut decides everything and there are no groups to fill.
    program: Option<meta::Regex>,
}

impl AnchoredRegex {
    /// Compiles Go syntax as label matchers do: the pattern must be whole by itself, and errors show it as written.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let parsed = parse(pattern, Flags { dot_newline: true, ..Flags::default() })?;
        let hir = Hir::concat(vec![Hir::look(Look::Start), parsed.hir, Hir::look(Look::End)]);
        Self::build(pattern, Parsed { hir, ..parsed })
    }

    /// Compiles Go syntax as relabelling and `label_replace` do: `^(?s:pattern)$` is read as one text. So errors show
    /// the wrapping, and `a)|(b` is accepted: what begins with a or ends with b.
    pub fn wrapped(pattern: &str) -> Result<Self, RegexError> {
        Self::build(pattern, parse(&format!("^(?s:{pattern})$"), Flags::default())?)
    }

    fn build(pattern: &str, parsed: Parsed) -> Result<Self, RegexError> {
        let shape = Shape::of(&parsed.hir);
        let needs_program = !shape.is_complete() || !(parsed.group_names.is_empty() || shape.groups_are_whole);
        let program = if needs_program { Some(compile(&parsed.hir, pattern)?) } else { None };
        let names = parsed.group_names.into();
        Ok(Self(Arc::new(Inner { pattern: pattern.to_owned(), names, shape, program })))
    }

    /// Returns the pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// Returns whether the whole of `text` matches.
    #[inline]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.shape.decide(text).unwrap_or_else(|| self.0.program.as_ref().is_some_and(|p| p.is_match(text)))
    }

    /// Returns all texts that match, sorted, when they are a handful: so that an index looks them up one by one.
    pub fn set_matches(&self) -> Option<&[String]> {
        match &self.0.shape.shortcut {
            Some(Shortcut::Set(set)) => Some(set.texts()),
            _ => None,
        }
    }

    /// Returns what every text that matches begins with; often empty.
    pub fn prefix(&self) -> &str {
        &self.0.shape.prefix
    }

    /// Returns whether every text matches, the empty one included, as with `.*`.
    pub fn matches_everything(&self) -> bool {
        matches!(self.0.shape.shortcut, Some(Shortcut::Anything))
    }

    /// Returns what the groups matched, if the whole of `text` does.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let names = || Arc::clone(&self.0.names);
        let Some(program) = &self.0.program else {
            return self.is_match(text).then(|| Captures::whole(text, self.0.names.len() + 1, names()));
        };
        if self.0.shape.decide(text) == Some(false) {
            return None;
        }
        let mut slots = program.create_captures();
        program.search_captures(&Input::new(text), &mut slots);
        slots.is_match().then(|| Captures::from_slots(text, slots, names()))
    }

    /// Returns `template` with `$1`, `${1}`, `$name` replaced by what the groups matched, if the whole of `text`
    /// matches: Go's `Regexp.ExpandString`, see [`Captures::expand`].
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.captures(text)?;
        let mut out = String::new();
        captures.expand(template, &mut out);
        Some(out)
    }
}
