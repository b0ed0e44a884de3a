//! The database: head, write-ahead log, blocks.
//!
//! [`Db`] is what a server holds: it opens a data directory, takes appends through [`firesteel_storage::Appendable`] and
//! answers through [`firesteel_storage::Queryable`]. Everything is synchronous; the few threads it owns are joined by
//! [`Db::close`].

#![forbid(unsafe_code)]

mod block_metrics;
mod blocks;
mod compaction;
mod db;
mod deletion;
mod disk;
mod error;
mod head_begin;
mod health;
mod instruments;
mod late_log;
mod lock;
mod log_metrics;
mod maintenance;
mod metrics;
mod options;
mod overlaps;
mod read_only;
mod replay;
mod replay_progress;
mod retention;
mod snapshot;
mod stale_compaction;
mod uploads;

pub use db::Db;
pub use error::DbError;
pub use firesteel_tsdb_block::BlockMeta;
pub use firesteel_tsdb_head::{Cardinality, HeadStats, NamedCount, ReplayStats, set_give_back};
pub use health::Health;
pub use options::DbOptions;
pub use read_only::ReadOnlyDb;
pub use replay_progress::{ReplayProgress, ReplayedSegments};
pub use retention::Retention;
