//! Blocks: what the head once held, on disk and immutable.
//!
//! A block is a directory named by a ULID: `meta.json`, `index`, `chunks/NNNNNN`, `tombstones`.

#![forbid(unsafe_code)]
