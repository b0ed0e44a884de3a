//! What can go wrong between a store and its users.

use std::path::PathBuf;

/// A store could not do its work. Faults of single samples are [`crate::AppendError`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A file operation failed; `what` says what was tried.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    /// Bytes on disk do not keep their format's promise.
    #[error("{}: {what} at offset {offset}", path.display())]
    Corrupt { path: PathBuf, offset: u64, what: String },
    /// A chunk cannot be decoded.
    #[error("chunk of series {series}: {what}")]
    BadChunk { series: u64, what: String },
    /// A selection found more series than it may.
    #[error("selection exceeds the limit of {limit} series")]
    TooManySeries { limit: usize },
    /// The log cannot be written, and the batch was to be durable: nothing of it was taken.
    #[error("samples cannot be made durable: {why}")]
    NotDurable { why: String },
    /// The store is shutting down.
    #[error("storage is closed")]
    Closed,
}
