//! Go's regular expressions (RE2 syntax) on `regex-automata`, fully anchored as label matchers and relabelling use them.

mod anchored;

pub use anchored::{AnchoredRegex, RegexError};
