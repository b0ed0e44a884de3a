//! Chunk encodings: how the samples of one series are packed. Files and references to chunks are the database's business.

mod cut_out;
mod error;
mod xor_appender;
mod xor_decoder;

pub use cut_out::cut_out;
pub use error::{ChunkError, ChunkFull};
pub use xor_appender::{XorAppender, XorChunk};
pub use xor_decoder::XorDecoder;

/// Bytes of the sample count in front of every chunk, big-endian.
pub const CHUNK_HEADER_BYTES: usize = 2;
/// Upstream's target for a full chunk in bytes (`tsdb/chunkenc/chunk.go`, `MaxBytesPerXORChunk`).
pub const MAX_CHUNK_BYTES: usize = 1024;
/// A float chunk that is longer than this gets a successor before the next sample: the longest sample still fits.
pub const CUT_CHUNK_ABOVE_BYTES: usize = 1005;

#[cfg(test)]
mod tests;
