//! Blocks: what the head once held, on disk and immutable.
//!
//! A block is a directory named by a ULID: `meta.json`, `index`, `chunks/NNNNNN`, `tombstones`. Formats: `docs/format`.

#![forbid(unsafe_code)]

mod error;
mod marks;
mod meta;
mod source;
mod spec;

pub use error::BlockError;
pub use marks::Marks;
pub use meta::{BlockDesc, BlockMeta, BlockStats, Compaction, Hint, META_FILE};
pub use source::{LabelSymbols, SeriesSource, SourceSeries};
pub use spec::{BlockSpec, DEFAULT_SEGMENT_BYTES, WriteOptions};
pub use ulid::Ulid;
