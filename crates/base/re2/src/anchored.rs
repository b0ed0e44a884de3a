//! A regular expression that must match a whole text, as `^(?s:…)$`.

use regex_automata::meta;

/// Go's words for what is wrong with a pattern, such as "error parsing regexp: missing closing ): `(foo`".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RegexError {
    pub message: String,
}

/// Matches whole texts; `.` matches newlines too. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AnchoredRegex {
    pattern: String,
    program: meta::Regex,
}

impl AnchoredRegex {
    /// Compiles Go syntax.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let program = meta::Regex::new(&format!("^(?s:{pattern})$"))
            .map_err(|e| RegexError { message: format!("error parsing regexp: {e}") })?;
        Ok(Self { pattern: pattern.to_owned(), program })
    }

    /// Returns the pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.program.is_match(text)
    }

    /// Returns `template` with `$1`, `${1}`, `$name` replaced by what the groups matched, if the whole of `text` matches.
    ///
    /// As Go's `Regexp.ExpandString`: `$$` is a dollar sign, a group that does not exist is empty.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let mut captures = self.program.create_captures();
        self.program.captures(text, &mut captures);
        captures.is_match().then(|| captures.interpolate_string(text, template))
    }
}
