//! A condition on one label.

use std::fmt;

use firesteel_re2::{AnchoredRegex, RegexError};

/// How a matcher compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MatchType {
    Equal,
    NotEqual,
    Regexp,
    NotRegexp,
}

impl MatchType {
    /// Returns the operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regexp => "=~",
            Self::NotRegexp => "!~",
        }
    }
}

/// A condition on one label; an absent label counts as an empty one.
#[derive(Clone)]
pub struct Matcher {
    match_type: MatchType,
    name: String,
    value: String,
    regex: Option<AnchoredRegex>,
}

impl Matcher {
    /// Builds a matcher; errors when a regular expression does not compile, in Go's words.
    pub fn new(match_type: MatchType, name: &str, value: &str) -> Result<Self, RegexError> {
        let regex = match match_type {
            MatchType::Regexp | MatchType::NotRegexp => Some(AnchoredRegex::new(value)?),
            MatchType::Equal | MatchType::NotEqual => None,
        };
        Ok(Self { match_type, name: name.to_owned(), value: value.to_owned(), regex })
    }

    /// Builds `name="value"`, which cannot fail.
    pub fn equal(name: &str, value: &str) -> Self {
        Self { match_type: MatchType::Equal, name: name.to_owned(), value: value.to_owned(), regex: None }
    }

    pub fn match_type(&self) -> MatchType {
        self.match_type
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the compiled expression of a regex matcher.
    pub fn regex(&self) -> Option<&AnchoredRegex> {
        self.regex.as_ref()
    }

    /// Returns whether a label of value `text` satisfies the condition.
    pub fn matches(&self, text: &str) -> bool {
        match (self.match_type, &self.regex) {
            (MatchType::NotEqual, _) => text != self.value,
            (MatchType::Regexp, Some(regex)) => regex.is_match(text),
            (MatchType::NotRegexp, Some(regex)) => !regex.is_match(text),
            _ => text == self.value,
        }
    }

    /// Returns whether the condition holds for a series without the label.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.match_type, &self.name, &self.value) == (other.match_type, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.match_type.as_str(), self.value)
    }
}
