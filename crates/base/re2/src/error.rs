//! What is wrong with a pattern, in Go's words.

use std::fmt;

/// Go's kinds of faults (`regexp/syntax.ErrorCode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCode {
    InvalidCharRange,
    InvalidEscape,
    InvalidNamedCapture,
    InvalidPerlOp,
    InvalidRepeatOp,
    InvalidRepeatSize,
    MissingBracket,
    MissingParen,
    MissingRepeatArgument,
    TrailingBackslash,
    UnexpectedParen,
    NestingDepth,
    Large,
}

impl ErrorCode {
    /// Returns Go's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCharRange => "invalid character class range",
            Self::InvalidEscape => "invalid escape sequence",
            Self::InvalidNamedCapture => "invalid named capture",
            Self::InvalidPerlOp => "invalid or unsupported Perl syntax",
            Self::InvalidRepeatOp => "invalid nested repetition operator",
            Self::InvalidRepeatSize => "invalid repeat count",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParen => "missing closing )",
            Self::MissingRepeatArgument => "missing argument to repetition operator",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParen => "unexpected )",
            Self::NestingDepth => "expression nests too deeply",
            Self::Large => "expression too large",
        }
    }
}

/// Displays as Go's `*syntax.Error`: "error parsing regexp: missing closing ): `(foo`".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegexError {
    pub code: ErrorCode,
    /// The part of the pattern that Go blames.
    pub expr: String,
}

impl RegexError {
    pub(crate) fn new(code: ErrorCode, expr: impl Into<String>) -> Self {
        Self { code, expr: expr.into() }
    }
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.code.as_str(), self.expr)
    }
}

impl std::error::Error for RegexError {}
