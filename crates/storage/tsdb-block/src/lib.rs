//! Blocks: what the head once held, on disk and immutable.
//!
//! A block is a directory named by a ULID: `meta.json`, `index`, `chunks/NNNNNN`, `tombstones`. Formats: `docs/format`.
//! [`Block`] opens and queries one; [`write_block`] makes one of any [`SeriesSource`]; [`plan`] and [`compact`] make few of
//! many.

#![forbid(unsafe_code)]

mod block;
mod block_source;
mod compact;
mod error;
mod find;
mod go_heap;
mod ids;
mod index;
mod labelled_source;
mod marks;
mod matcher_cache;
mod merge;
mod meta;
mod overlap;
mod plan;
mod querier;
mod recode;
mod repair;
mod segments;
mod source;
mod spec;
mod tombstones;
mod write;

pub use block::Block;
pub use block_source::BlockSource;
pub use compact::compact;
pub use error::BlockError;
pub use labelled_source::LabelledSource;
pub use marks::Marks;
pub use merge::{MergedSource, merge_sources};
pub use meta::{BlockDesc, BlockMeta, BlockStats, Compaction, Hint, META_FILE};
pub use plan::{Candidate, PlanOptions, block_ranges, plan};
pub use querier::BlockQuerier;
pub use repair::repair_index_version;
pub use source::{LabelSymbols, SeriesSource, SourceSeries};
pub use spec::{BlockSpec, DEFAULT_SEGMENT_BYTES, WriteOptions};
pub use tombstones::{TOMBSTONES_FILE, Tombstones};
pub use ulid::Ulid;
pub use write::{TMP_FOR_CREATION, write_block};
