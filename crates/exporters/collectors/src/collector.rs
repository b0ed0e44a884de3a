//! What a collector is.

use std::path::PathBuf;

use crate::{HostRoots, MetricSink};

/// Reads one corner of the host. Called from several scrapes at once.
pub trait Collector: Send + Sync {
    /// Puts what it finds into `out`; on an error what it put so far is still shown.
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError>;
}

/// Why a collector has no (full) answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The machine has no such thing; not worth a warning.
    #[error("collector returned no data")]
    NoData,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {what}", path.display())]
    Malformed { path: PathBuf, line: usize, what: String },
    #[error("{what}: {source}")]
    System { what: &'static str, source: std::io::Error },
}
