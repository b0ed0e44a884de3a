//! The write-ahead log: what a commit gave to the operating system before it became visible.
//!
//! A directory of numbered segments, each a run of 32 KiB pages that hold checksummed fragments of records, and now and
//! then a checkpoint that stands for all segments up to its number. [`Wal`] writes, [`WalReader`] reads all of it once,
//! [`TailReader`] follows a segment that is being written, [`repair`] cuts at a fault, [`records`] is what is inside.
//! Format: `docs/format/wal.md`.

#![forbid(unsafe_code)]

mod batch;
mod checkpoint;
mod compression;
mod error;
mod frame;
mod group_commit;
mod reader;
mod record_writer;
pub mod records;
mod repair;
mod segment_reader;
mod segment_writer;
mod segments;
mod stats;
mod tail_reader;
mod truncation;

pub use checkpoint::{CheckpointStats, delete_checkpoints, last_checkpoint, write_checkpoint};
pub use compression::Compression;
pub use error::{Corruption, WalError};
pub use group_commit::{Logged, OnFailure, Wal, WalOptions};
pub use reader::WalReader;
pub use record_writer::RecordWriter;
pub use repair::repair;
pub use segment_reader::{Record, SegmentReader};
pub use segments::{DEFAULT_SEGMENT_BYTES, PAGE_BYTES, Segment, list_segments, missing_segments, segment_path};
pub use stats::WalStats;
pub use tail_reader::TailReader;

#[cfg(test)]
mod tests;
