//! What can go wrong with the files of head chunks.

use std::io;
use std::path::{Path, PathBuf};

/// A file of `chunks_head` could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunksHeadError {
    /// A file operation failed; `what` says what was tried.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// The log could not be synced, so chunks may not become safer than it.
    #[error("log is not synced: {0}")]
    Unsynced(String),
    /// Chunks of out-of-order samples are written, but their log does not say so: they do not count.
    #[error("head chunks are not marked in the log: {0}")]
    Unmarked(String),
    /// The chunk does not fit any file.
    #[error("head chunk of {bytes} bytes exceeds a file")]
    TooLarge { bytes: usize },
}

impl ChunksHeadError {
    pub(super) fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}
