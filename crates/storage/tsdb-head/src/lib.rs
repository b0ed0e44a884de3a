//! Series in memory: what was appended and is not yet in a block.
//!
//! `S` shards by label hash, each behind one lock; interned pairs for all of them; a table from references to places.
//! Locks are taken in this order: upkeep, gate, pairs, shard, table of references, visibility, files of chunks. See `docs` of each module; the layout and
//! its budget in bytes are ARCHITECTURE.md's.

#![forbid(unsafe_code)]

mod appender;
mod aside;
mod chunk_snapshot;
mod chunk_snapshot_load;
mod chunk_table;
pub mod chunks_head;
mod commit;
mod deletion;
mod exemplars;
mod found;
mod freed;
mod gaps;
mod growth;
mod head;
mod histograms;
mod kept_rest;
mod label_reader;
mod late;
mod late_by;
mod late_codec;
mod late_mapping;
mod late_rows;
mod log;
mod mapping;
mod metadata;
mod open_xor2;
mod out_of_order;
mod packing;
mod paged;
mod pairs;
mod parted;
mod plan;
mod postings;
mod querier;
mod refs;
mod replay;
mod replay_late;
mod replay_older;
mod replay_workers;
mod sealed;
mod sealed_end;
mod selected;
mod series;
mod shard;
mod shard_histograms;
mod slabs;
mod snapshot;
mod snapshot_fill;
mod snapshot_load;
mod source;
mod stale;
mod starts;
mod stats;
mod truncate;
mod visibility;

#[cfg(test)]
mod tests;

pub use appender::HeadAppender;
pub use chunk_snapshot::{ChunkSnapshot, drop_passed_over, last_chunk_snapshot};
pub use chunk_snapshot_load::ChunkSnapshotFault;
pub use exemplars::ExemplarStats;
pub use freed::{give_back, set_give_back};
pub use growth::Growth;
pub use head::{Counts, Head, HeadOptions, HistogramCounts, count};
pub use late_by::LateBy;
pub use log::Log;
pub use mapping::Mapper;
pub use out_of_order::OutOfOrderCut;
pub use querier::HeadQuerier;
pub use replay::Replay;
pub use snapshot::SnapshotError;
pub use snapshot_load::Snapshot;
pub use source::HeadSource;
pub use stale::StaleSeries;
pub use stats::{Cardinality, HeadStats, NamedCount, ReplayStats};
