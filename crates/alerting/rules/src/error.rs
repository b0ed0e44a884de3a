//! Why rule files cannot be used.

use std::path::PathBuf;

use firesteel_config::Diagnostic;

/// Rule files are not as they must be. The texts are upstream's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// A file cannot be read.
    #[error("{}: open {}: {why}", file.display(), file.display())]
    Read { file: PathBuf, why: String },
    /// A file is refused; `upstream` has upstream's lines, `faults` ours with places.
    #[error("{}", upstream.iter().map(|text| format!("{}: {text}", file.display())).collect::<Vec<_>>().join("\n"))]
    Refused { file: PathBuf, upstream: Vec<String>, faults: Vec<Diagnostic> },
    /// The same, for a file that a pattern of the configuration names.
    #[error("parse rules from file \"{}\" (pattern: \"{}\"): {inner}", file.display(), pattern.display())]
    Pattern { file: PathBuf, pattern: PathBuf, inner: Box<RulesError> },
}

impl RulesError {
    /// Returns upstream's text for each fault; of a file that cannot be read, or that a pattern names, one for all.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Refused { file, upstream, .. } => {
                upstream.iter().map(|text| format!("{}: {text}", file.display())).collect()
            }
            other => vec![other.to_string()],
        }
    }

    /// Returns our own report of each fault, with places; empty when the file could not be read.
    pub fn faults(&self) -> &[Diagnostic] {
        match self {
            Self::Refused { faults, .. } => faults,
            Self::Pattern { inner, .. } => inner.faults(),
            Self::Read { .. } => &[],
        }
    }
}
