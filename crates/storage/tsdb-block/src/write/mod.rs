//! Writing a block: chunk segments, index, `meta.json`, tombstones, in a directory that gets its name when all is safe.

mod block_writer;
mod index_writer;
mod output;
mod pairs;
mod postings;
mod segment_writer;

pub use block_writer::{TMP_FOR_CREATION, write_block};
