//! Why a data directory cannot be opened or closed.

use std::io;
use std::path::PathBuf;

/// Opening, closing or truncating a database failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// A file operation failed; `what` says what was tried.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// The process may not write where it must: `owner_uid` owns the directory, the process runs as `uid`.
    #[error("{}: not writable by uid {uid} (owned by uid {owner_uid}, mode {mode:03o})", path.display())]
    NotWritable { path: PathBuf, owner_uid: u32, uid: u32, mode: u32, source: io::Error },
    /// The log cannot be read, repaired or written.
    #[error(transparent)]
    Wal(#[from] firesteel_tsdb_wal::WalError),
    /// A file of head chunks cannot be read or written.
    #[error(transparent)]
    ChunksHead(#[from] firesteel_tsdb_head::chunks_head::ChunksHeadError),
    /// Another process holds the directory.
    #[error("lock DB directory: {} is in use by another process", path.display())]
    Locked { path: PathBuf },
}
