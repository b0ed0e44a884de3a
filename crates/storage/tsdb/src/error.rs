//! Why a data directory cannot be opened or closed.

use std::io;
use std::path::{Path, PathBuf};

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
    /// The rolling snapshot of the head cannot be written.
    #[error(transparent)]
    HeadSnapshot(#[from] firesteel_tsdb_head::SnapshotError),
    /// A file of head chunks cannot be read or written.
    #[error(transparent)]
    ChunksHead(#[from] firesteel_tsdb_head::chunks_head::ChunksHeadError),
    /// A block cannot be read or written.
    #[error(transparent)]
    Block(#[from] firesteel_tsdb_block::BlockError),
    /// A block that was just written cannot be read.
    #[error("block {block} cannot be read back: {why}")]
    NotLoaded { block: firesteel_tsdb_block::Ulid, why: String },
    /// The head cannot do what was asked.
    #[error(transparent)]
    Storage(#[from] firesteel_storage::StorageError),
    /// A snapshot may not go where it was asked to.
    #[error("{0}")]
    Snapshot(&'static str),
    /// Start timestamps are to be kept in chunks that have no room for them. Upstream's text (`tsdb/db.go`, 3.14).
    #[error(
        "float chunk encoding \"xor\" is incompatible with start-timestamp storage; XOR chunks do not store start \
         timestamps, use \"xor2\""
    )]
    StartsNeedXor2,
    /// Another process holds the directory.
    #[error("lock DB directory: {} is in use by another process", path.display())]
    Locked { path: PathBuf },
}

impl DbError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}
