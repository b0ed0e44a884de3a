//! The write-ahead log: segments of checksummed record fragments, checkpoints, repair.

pub mod records;
