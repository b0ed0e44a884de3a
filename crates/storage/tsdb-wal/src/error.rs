//! What can go wrong with the log, and where.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::records::RecordError;

/// The log could not do its work. Cheap to clone, because one failed write answers many commits.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// A file operation failed; `what` says what was tried.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// Bytes of a segment are not what a writer leaves behind.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// A record is whole but cannot be understood.
    #[error("{}: record at {offset}: {source}", path.display())]
    Record { path: PathBuf, offset: u64, source: RecordError },
    /// Records that wait for a log that can be written would exceed their bound; these are not kept.
    #[error("log cannot be written and {bytes} bytes wait for it: {source}")]
    BacklogFull { bytes: usize, source: Box<WalError> },
    /// The corruption lies in a checkpoint, which cannot be repaired: what it stood for is gone.
    #[error("cannot repair: {0}")]
    NotRepairable(Corruption),
    /// The log was closed.
    #[error("wlog is closed")]
    Closed,
}

impl WalError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }
}

/// Where and why a segment stops making sense. The text is upstream's (`tsdb/wlog/wlog.go`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("corruption in segment {} at {offset}: {why}", path.display())]
pub struct Corruption {
    /// The segment's file.
    pub path: PathBuf,
    /// The segment's number.
    pub segment: u64,
    /// Where the first record begins that is not whole; all before it is.
    pub offset: u64,
    pub why: String,
}
