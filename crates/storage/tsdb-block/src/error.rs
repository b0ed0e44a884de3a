//! What can be wrong with a block, and where.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_storage::StorageError;

/// A block could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// A file operation failed; `what` says what was tried.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// Bytes of a file are not what a writer leaves behind.
    #[error("{}: {what} at offset {offset}", path.display())]
    Corrupt { path: PathBuf, offset: u64, what: String },
    /// A `meta.json` or a mark beside it cannot be understood.
    #[error("{}: {what}", path.display())]
    Meta { path: PathBuf, what: String },
    /// A chunk cannot be decoded and so not be merged or cut.
    #[error("chunk of {labels}: {what}")]
    Chunk { labels: String, what: String },
    /// A source breaks its promise of order.
    #[error("{0}")]
    Source(String),
    /// A part of a file would outgrow its length field.
    #[error("{what} exceeds {limit} bytes")]
    TooLarge { what: &'static str, limit: u64 },
    /// The writer was told to stop.
    #[error("writing was cancelled")]
    Cancelled,
}

impl BlockError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, what: what.into() }
    }

    /// Returns whether the cause is a full disk.
    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

impl From<BlockError> for StorageError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Io { what, path, source } => Self::Io { what, path, source },
            BlockError::Corrupt { path, offset, what } => Self::Corrupt { path, offset, what },
            BlockError::Meta { path, what } => Self::Corrupt { path, offset: 0, what },
            other => Self::BadChunk { series: 0, what: other.to_string() },
        }
    }
}

/// The file that bytes come from, for errors.
pub(crate) type Origin = Arc<Path>;
