//! Chunk encodings: how the samples of one series are packed. Files and references to chunks are the database's business.

mod bit_buffer;
mod bit_reader;
mod cut_out;
mod error;
mod histogram_appender;
mod histogram_decoder;
mod histogram_expand;
mod histogram_kind;
mod histogram_layout;
mod recode;
mod sample_reader;
mod start_time;
mod varbit_width;
mod xor2_appender;
mod xor2_decoder;
mod xor_appender;
mod xor_decoder;
mod xor_value;

pub use cut_out::cut_out;
pub use error::{ChunkError, ChunkFull};
pub use histogram_appender::{Appended, FloatHistogramAppender, HistogramAppender};
pub use histogram_decoder::{FloatHistogramDecoder, HistogramDecoder, SampleTimes};
pub use histogram_kind::Header as CounterResetHeader;
pub use recode::{Row, RowValue, RowsToChunks, decode_rows};
pub use sample_reader::{SampleKind, SampleReader};
pub use xor_appender::{XorAppender, XorChunk, XorTail};
pub use xor_decoder::XorDecoder;
pub use xor2_appender::Xor2Appender;
pub use xor2_decoder::Xor2Decoder;

/// Bytes of the sample count in front of every chunk, big-endian.
pub const CHUNK_HEADER_BYTES: usize = 2;
/// Bytes in front of every histogram chunk: the sample count, and what is known of counter resets and start timestamps.
pub const HISTOGRAM_HEADER_BYTES: usize = 3;
/// Upstream's target for a full chunk in bytes (`tsdb/chunkenc/chunk.go`, `MaxBytesPerXORChunk`).
pub const MAX_CHUNK_BYTES: usize = 1024;
/// A float chunk that is longer than this gets a successor before the next sample: the longest sample still fits.
pub const CUT_CHUNK_ABOVE_BYTES: usize = 1005;

#[cfg(test)]
mod tests;
