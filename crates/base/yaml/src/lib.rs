//! YAML for configuration files: a tree whose nodes know their place, strict reading with Go's habits, diagnostics that
//! tell a person what is wrong and how to mend it, and printing as Go's `yaml.v2` prints.
//!
//! The way through: [`Source`] holds a file's text, [`parse`] makes a [`Node`] tree, a [`Reader`] takes values out of
//! nodes and collects a [`Diagnostic`] for every fault it meets, [`apply_fixes`] mends what is unambiguous, and
//! [`Out`] with [`to_yaml`] writes a tree back.
#![forbid(unsafe_code)]

mod diagnostic;
mod emitter;
mod fix;
mod inner_place;
mod node;
mod out;
mod parse;
mod plain;
mod reader;
mod render;
mod report;
mod source;
mod suggest;
mod syntax_fault;
#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Severity};
pub use fix::{Edit, Fix, apply_fixes};
pub use node::{Kind, Node, Span};
pub use out::{Out, to_yaml};
pub use parse::parse;
pub use plain::{Plain, resolve_plain};
pub use reader::{Entry, Reader, Shape};
pub use report::{ReportFormat, report};
pub use source::Source;
pub use suggest::nearest;
