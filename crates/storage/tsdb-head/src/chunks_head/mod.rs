//! `chunks_head/`: sealed chunks of the head in upstream's files, so that memory holds only where they are.
//!
//! The files are a cache of what the write-ahead log has as well: whatever of them is broken after a loss of power is cut
//! away and filled again from the log. [`format`] is the bytes, [`files`] the directory, [`load`] the start.
//! Format: `docs/format/chunks_head.md`.

mod error;
mod files;
mod format;
mod load;

pub use error::ChunksHeadError;
pub(crate) use files::{ChunkFiles, Maps, NewChunk, Written};
pub use format::{ChunkRef, Entries, Entry, EntryFault, MAX_FILE_BYTES, check_header, file_header, push_entry};
pub(crate) use format::{entry_at, entry_start};
pub(crate) use load::{Loaded, MappedEntry, known as known_encoding, samples_of};

#[cfg(test)]
mod tests;
