//! What is wrong with a query, and where.

use std::fmt;

use crate::{hint::advise, span::Span};

/// One fault of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    pub span: Span,
    /// Upstream's words, to the letter.
    pub message: String,
    /// Firesteel's own advice, apart from the message so that whoever matches on that still can.
    pub hint: Option<Hint>,
    /// The place as `line:column`.
    position: String,
}

/// Advice on a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    /// A stable code: `FS1002`.
    pub code: &'static str,
    /// What to do, in a sentence.
    pub message: String,
    /// The whole query as it should probably read.
    pub suggestion: Option<String>,
}

impl ParseError {
    /// Builds the error of a fault in `query`.
    pub(crate) fn new(query: &str, span: Span, message: String) -> Self {
        Self { span, message, hint: None, position: span.position(query) }
    }

    /// Returns the place as `line:column`, both counted from 1, the column in bytes.
    pub fn position(&self) -> &str {
        &self.position
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: parse error: {}", self.position, self.message)
    }
}

impl std::error::Error for ParseError {}

/// The faults of a query in the order found: never empty. Printed, it is the first one, as upstream does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseErrors(Vec<ParseError>);

impl ParseErrors {
    /// Collects faults; `None` when there are none.
    pub(crate) fn from_vec(errors: Vec<ParseError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    pub(crate) fn one(error: ParseError) -> Self {
        Self(vec![error])
    }

    /// Adds a hint to the fault that is shown.
    pub(crate) fn advise(&mut self, query: &str) {
        if let Some(first) = self.0.first_mut() {
            first.hint = advise(query, first);
        }
    }

    /// Returns the fault that is shown.
    pub fn first(&self) -> &ParseError {
        self.0.first().expect("from_vec refuses an empty list")
    }

    /// Returns every fault.
    pub fn iter(&self) -> impl Iterator<Item = &ParseError> {
        self.0.iter()
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)
    }
}

impl std::error::Error for ParseErrors {}
