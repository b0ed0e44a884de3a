//! Go's regular expressions (RE2 syntax) on `regex-automata`: fully anchored, as label matchers and relabelling use
//! them, or free, as templates do.
//!
//! The syntax is read here, because what Go and the regex crates accept differs: classes like `\d` are ASCII, `[a&&b]`
//! has no set operations, `a{` is a literal, `\Q…\E` quotes, counts end at 1000, and errors are in Go's words. The
//! matching itself is regex-automata's, in linear time. Many label matchers need no automaton at all: see `shortcut`.

#![forbid(unsafe_code)]

mod anchored;
mod captures;
mod class;
mod error;
mod escape;
mod flags;
mod parser;
mod program;
mod regex;
mod shortcut;
mod unicode_names;

pub use anchored::AnchoredRegex;
pub use captures::Captures;
pub use error::{ErrorCode, RegexError};
pub use regex::Regex;
